// One contender in a process of its own, see contender.ts. It measures when told to and rests otherwise.
import pg from "pg";
import type * as core from "partywall";
import type * as postgres from "partywall/guards/postgres";
import { tenantIds } from "../support/rows.js";
import { takeSlice } from "../support/slices.js";
import type { Assignment, Operation, Order, Way } from "./contender.js";
import { titlesOf, wantedAuthors, type LibrarySize, type Wanted } from "./library.js";
import type { Library, Orm, Wiring } from "./orm.js";

const MAX = 16;

/** The library as one request uses it. */
type Requests = {
  readonly [Name in keyof Library]: (
    tenant: string,
    ...given: Parameters<Library[Name]> extends [infer First, ...unknown[]] ? [First] : never
  ) => ReturnType<Library[Name]>;
};

async function byHand({ orm, urls }: Assignment): Promise<Requests> {
  const library = await (
    await ormOf(orm)
  ).open({
    driver: pg,
    pool: new pg.Pool({ connectionString: urls.raw, max: MAX }),
    url: urls.raw,
    max: MAX,
    adapter: async () => (client) => client,
  });
  return {
    author: (tenant, id) => library.author(id, tenant),
    shelf: (tenant, id) => library.shelf(id, tenant),
    addTag: (tenant, label) => library.addTag(label, tenant),
  };
}

async function guarded({ orm, way, urls, size, folder }: Assignment): Promise<Requests> {
  const { createPartywall } = (await import(`${folder}/index.js`)) as typeof core;
  const { guardPg } = (await import(`${folder}/guards/postgres/index.js`)) as typeof postgres;
  const guard = guardPg(pg, {
    app: { connectionString: urls.app, max: MAX },
    system: urls.system,
    preparedStatements: way === "guarded, prepared",
  });
  const pw = createPartywall({
    realm: "bench",
    secret: "a secret of the benchmarks, 32 characters or more",
    postgres: guard,
  });
  for (const id of tenantIds({ tenants: size.tenants, rowsPerTenant: 0 })) {
    await pw.tenants.create({ id, slug: `t-${id}`, name: id });
  }
  const adapter: Wiring["adapter"] = async (file, name) => {
    const exported = (await import(`${folder}/adapters/${file}.js`)) as Record<
      string,
      <Client>(over: typeof guard, client: Client) => Client
    >;
    return (client) => exported[name]!(guard, client);
  };
  const library = await (
    await ormOf(orm)
  ).open({
    driver: guard.driver,
    pool: guard.pool,
    url: urls.app,
    max: MAX,
    adapter,
  });
  return {
    author: (tenant, id) => pw.run(tenant, () => library.author(id)),
    shelf: (tenant, id) => pw.run(tenant, () => library.shelf(id)),
    addTag: (tenant, label) => pw.run(tenant, () => library.addTag(label)),
  };
}

async function ormOf(file: string): Promise<Orm> {
  return ((await import(`./${file}.js`)) as { orm: Orm }).orm;
}

// A fast wrong answer is no result.
async function prove(requests: Requests, { urls, size, way }: Assignment): Promise<void> {
  const next = wantedAuthors(size);
  for (const { tenant, id } of [next(), next(), next()]) {
    const shelf = await requests.shelf(tenant, id);
    const titles = shelf?.titles.toSorted().join();
    if (
      (await requests.author(tenant, id)) !== `author ${id}` ||
      shelf?.name !== `author ${id}` ||
      titles !== titlesOf(id, size).toSorted().join()
    ) {
      throw new Error(`Author ${id} of tenant ${tenant} was not what came back.`);
    }
    const { tenant: other } = otherThan(tenant, next);
    if ((await requests.author(other, id)) ?? (await requests.shelf(other, id))) {
      throw new Error(`Author ${id} came back to another tenant.`);
    }
    const label = `proof of ${process.pid} ${id}`;
    await requests.addTag(tenant, label);
    const eye = new pg.Client({
      connectionString: way === "by hand" ? urls.superuser.raw : urls.superuser.walled,
    });
    await eye.connect();
    const { rows } = await eye.query("select tenant_id from tags where label = $1", [label]);
    await eye.end();
    if (rows.length === 1 && rows[0].tenant_id === tenant) continue;
    throw new Error(`A tag of tenant ${tenant} was not what was inserted.`);
  }
}

function otherThan(tenant: string, next: () => Wanted): Wanted {
  for (;;) {
    const wanted = next();
    if (wanted.tenant !== tenant) return wanted;
  }
}

function workOf(requests: Requests, operation: Operation, size: LibrarySize) {
  const next = wantedAuthors(size);
  let count = 0;
  return async () => {
    const { tenant, id } = next();
    if (operation === "point read") return requests.author(tenant, id);
    if (operation === "nested read") return requests.shelf(tenant, id);
    return requests.addTag(tenant, `${process.pid} ${Date.now()} ${count++}`);
  };
}

let requests: Requests;
let size: LibrarySize;
const works = new Map<Operation, () => Promise<unknown>>();

async function accept(assignment: Assignment): Promise<void> {
  const ways: Record<Way, typeof byHand> = {
    "by hand": byHand,
    guarded,
    "guarded, prepared": guarded,
  };
  requests = await ways[assignment.way](assignment);
  size = assignment.size;
  await prove(requests, assignment);
}

async function obey({ operation, concurrency, milliseconds }: Order) {
  const work = works.get(operation) ?? workOf(requests, operation, size);
  works.set(operation, work);
  return takeSlice(work, concurrency, milliseconds);
}

process.on("message", (message: Assignment | Order) => {
  const answer = "orm" in message ? accept(message) : obey(message);
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
