// A process that works on a tenant's home until it is done or killed.
//
//   node --import tsx test/tenants/mongodb/worker.ts <job as JSON>
import * as mongodb from "mongodb";
import { provisioner } from "../../../src/tenants/mongodb/provisioner.js";
import type { Job } from "./in-process.js";

const job = JSON.parse(process.argv[2]!) as Job;
const { admin, collections, tenant } = job;
const homes = provisioner(mongodb, {
  admin,
  collections,
  seed: async ({ client, database }) => {
    await client
      .db(database)
      .collection("customers")
      .updateOne({ n: 1 }, { $set: { n: 1 } }, { upsert: true });
  },
});
if (job.do === "provision") await homes.provision(tenant);
else await homes.deprovision({ ...tenant, status: "deleted" }, { confirm: tenant.slug });
