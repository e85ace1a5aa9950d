// A worker in a process of its own, which is killed in the middle of a job.
import { Worker, type Job } from "bullmq";
import { createPartywall } from "partywall";
import { postgresStore } from "partywall/registry";
import { tenantProcessor } from "partywall/runtime/bullmq";
import pg from "pg";

const [redisPort = "", registry = "", queue = "", realm = "", secret = ""] = process.argv.slice(2);
const pw = createPartywall({
  realm,
  secret,
  store: postgresStore(pg, { connectionString: registry }),
});
const worker = new Worker(
  queue,
  tenantProcessor(pw, async (job: Job) => {
    process.send?.({ job: job.name, tenant: pw.current().slug });
    // Until it is killed.
    await new Promise(() => setInterval(() => undefined, 1000));
  }),
  {
    connection: { host: "127.0.0.1", port: Number(redisPort) },
    lockDuration: 1000,
    stalledInterval: 500,
  },
);
worker.on("error", (error) => console.error(error));
