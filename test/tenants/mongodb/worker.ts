// A process that works on a tenant's home until it is done or killed. The registry and the guard are those of its parent, which it asks.
//
//   node --import tsx test/tenants/mongodb/worker.ts <job as JSON>
import * as mongodb from "mongodb";
import { tenantMover } from "../../../src/tenants/mongodb/move/mover.js";
import { provisioner } from "../../../src/tenants/mongodb/provisioner.js";
import type { Job } from "./in-process.js";

const job = JSON.parse(process.argv[2]!) as Job;
const { admin, realm, collections, tenant } = job;

const waiting = new Map<number, { done(value: unknown): void; fail(error: Error): void }>();
process.on("message", (message) => {
  const { number, value, error } = message as { number: number; value?: unknown; error?: string };
  const { done, fail } = waiting.get(number)!;
  if (error === undefined) done(value);
  else fail(new Error(error));
});
const ask =
  (name: string) =>
  (...args: unknown[]): Promise<never> =>
    new Promise((done, fail) => {
      const number = waiting.size;
      waiting.set(number, { done: done, fail });
      process.send!({ number, name, args });
    });

const homes = provisioner(mongodb, {
  admin,
  realm,
  collections,
  seed: async ({ client, database }) => {
    await client
      .db(database)
      .collection("customers")
      .updateOne({ n: 1 }, { $set: { n: 1 } }, { upsert: true });
  },
});
const mover = () =>
  tenantMover(mongodb, {
    tenants: {
      get: ask("get"),
      relocate: ask("relocate"),
      suspend: ask("suspend"),
      restore: ask("restore"),
    },
    guard: { admit: ask("admit"), tenantField: "tenantId" },
    admin,
    realm,
    homes,
  });

if (job.do === "provision") await homes.provision(tenant);
else if (job.do === "deprovision")
  await homes.deprovision({ ...tenant, status: "deleted" }, { confirm: tenant.slug });
else if (job.do === "move") await mover().move(tenant.id, job.to, { settleMs: 0 });
else await mover()[job.do](tenant.id);
process.disconnect();
