// A process that copies or erases a tenant until it is done or killed, and prints each progress as a line of JSON.
//
//   node --import tsx test/tenants/postgres/worker.ts <url> <job as JSON>
import pg from "pg";
import { copyTenant } from "../../../src/tenants/postgres/copy.js";
import { eraseTenant } from "../../../src/tenants/postgres/erase.js";
import type { TenantDataProgress } from "../../../src/tenants/progress.js";
import type { Job } from "./in-process.js";

const [url, given] = process.argv.slice(2) as [string, string];
const job = JSON.parse(given) as Job;
const print = (line: unknown) => process.stdout.write(`${JSON.stringify(line)}\n`);
const clients = [0, 1].map(() => new pg.Client({ connectionString: url }));
const [one, other] = clients as [pg.Client, pg.Client];
let bytes = 0;
let peak = 0;
const onProgress = (progress: TenantDataProgress) => {
  if (progress.phase === "import") bytes = Math.max(bytes, progress.bytes);
  const { heapUsed, external } = process.memoryUsage();
  peak = Math.max(peak, heapUsed + external);
  print(progress);
};
for (const client of clients) await client.connect();
if (job.do === "copy") {
  await copyTenant({ client: one, ...job.from }, { client: other, ...job.to }, { onProgress });
} else {
  const { premises, ...options } = job;
  await eraseTenant({ client: one, ...premises }, { ...options, onProgress });
}
print({ done: true, bytes, peak });
for (const client of clients) await client.end();
