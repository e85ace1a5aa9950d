// A process that copies or erases a tenant's documents until it is done or killed, and prints each progress as a line of JSON.
//
//   node --import tsx test/tenants/mongodb/data-worker.ts <url> <job as JSON>
import { BSON, MongoClient } from "mongodb";
import { copyTenant } from "../../../src/tenants/mongodb/copy.js";
import { eraseTenant } from "../../../src/tenants/mongodb/erase.js";
import type { TenantDataProgress } from "../../../src/tenants/progress.js";
import type { DataJob } from "./data-in-process.js";

const [url, given] = process.argv.slice(2) as [string, string];
const job = JSON.parse(given) as DataJob;
const client = new MongoClient(url);
let bytes = 0;
let peak = 0;
const onProgress = (progress: TenantDataProgress) => {
  if (progress.phase === "import") bytes = Math.max(bytes, progress.bytes);
  const { heapUsed, external } = process.memoryUsage();
  peak = Math.max(peak, heapUsed + external);
  process.stdout.write(`${JSON.stringify(progress)}\n`);
};
const at = { client, bson: BSON };
if (job.do === "copy") {
  await copyTenant({ ...at, ...job.from }, { ...at, ...job.to }, { onProgress });
} else {
  const { premises, ...options } = job;
  await eraseTenant({ ...at, ...premises }, { ...options, onProgress });
}
const rss = process.resourceUsage().maxRSS * 1024;
process.stdout.write(`${JSON.stringify({ done: true, bytes, peak, rss })}\n`);
await client.close();
