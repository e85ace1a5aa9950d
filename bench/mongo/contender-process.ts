// One contender in a process of its own, see contender.ts. It measures when told to and rests otherwise.
import { AsyncLocalStorage } from "node:async_hooks";
import { MongoClient } from "mongodb";
import type * as core from "partywall";
import type * as guards from "partywall/guards/mongodb";
import { tenantIds, wantedRows, type ShopSize } from "../support/rows.js";
import { takeSlice } from "../support/slices.js";
import type { Assignment, Order } from "./contender.js";
import type { Library } from "./library.js";
import { OPERATIONS, type Operation, type Orders } from "./orders.js";

const MAX = 16;

/** Runs what a request of a tenant does. */
type Within = <T>(tenant: string, fn: () => Promise<T>) => Promise<T>;

interface Opened {
  readonly calls: Orders;
  readonly within: Within;
}

async function open({ library, way, size, url, folder }: Assignment): Promise<Opened> {
  const { library: own } = (await import(`./${library}.js`)) as { library: Library };
  if (way !== "guarded") {
    const storage = new AsyncLocalStorage<string>();
    return {
      calls: await own.open({ url, max: MAX, folder }),
      within: way === "by hand" ? (_, fn) => fn() : (tenant, fn) => storage.run(tenant, fn),
    };
  }
  const { createPartywall } = (await import(`${folder}/index.js`)) as typeof core;
  const { guardMongo } = (await import(`${folder}/guards/mongodb/index.js`)) as typeof guards;
  const guard = guardMongo(own.driver, {
    app: url,
    system: url,
    clientOptions: { maxPoolSize: MAX },
  });
  const pw = createPartywall({
    realm: "bench",
    secret: "a secret of the benchmarks, 32 characters or more",
    mongodb: guard,
  });
  for (const id of tenantIds(size)) await pw.tenants.create({ id, slug: `t-${id}`, name: id });
  const calls = await own.open({ guard, url, max: MAX, folder });
  return { calls, within: (tenant, fn) => pw.run(tenant, fn) };
}

// A fast wrong answer is no result.
async function prove({ calls, within }: Opened, { size, direct }: Assignment): Promise<void> {
  const next = wantedRows(size);
  const eye = new MongoClient(direct);
  try {
    for (const { tenant, id } of [next(), next(), next()]) {
      const one = await within(tenant, () => calls.find(tenant, id));
      const some = await within(tenant, () => calls.findTwenty(tenant, 1));
      const sums = await within(tenant, () => calls.aggregate(tenant));
      const marked = -process.pid - id;
      await within(tenant, () => calls.insert(tenant, marked));
      await within(tenant, () => calls.insertHundred(tenant, marked * 1000));
      await within(tenant, () => calls.update(tenant, id));
      const journal = eye.db().collection("journal");
      const right =
        one?.n === id &&
        some.length === Math.min(20, size.rowsPerTenant) &&
        sums.length === 2 &&
        (await journal.countDocuments({ n: marked, tenantId: tenant })) === 1 &&
        (await journal.countDocuments({ n: marked })) === 1 &&
        (await journal.countDocuments({ n: marked * 1000 + 99, tenantId: tenant })) === 1;
      if (!right) throw new Error(`Order ${id} of tenant ${tenant} was not what came back.`);
    }
  } finally {
    await eye.close();
  }
}

function workOf({ calls, within }: Opened, operation: Operation, size: ShopSize) {
  const next = wantedRows(size);
  const call: Orders[Operation] = calls[operation];
  return () => {
    const { tenant, id } = next();
    return within<unknown>(tenant, () => call(tenant, id));
  };
}

let opened: Opened;
let size: ShopSize;
const works = new Map<Operation, () => Promise<unknown>>();

async function accept(assignment: Assignment): Promise<void> {
  opened = await open(assignment);
  size = assignment.size;
  await prove(opened, assignment);
  for (const operation of OPERATIONS) works.set(operation, workOf(opened, operation, size));
}

process.on("message", (message: Assignment | Order) => {
  const answer =
    "library" in message
      ? accept(message)
      : takeSlice(works.get(message.operation)!, message.concurrency, message.milliseconds);
  answer.then(
    (slice) => process.send?.({ slice: slice ?? null }),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
// The parent is gone, or done.
process.on("disconnect", () => process.exit());
