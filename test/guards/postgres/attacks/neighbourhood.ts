import type { World } from "../world.js";

/** A tenant of the neighbourhood, and a mark that only its rows carry. */
export interface Neighbour {
  readonly id: string;
  readonly mark: string;
}

/** Creates many tenants, each with three rows that carry its own mark. */
export async function neighbourhood(world: World, size: number): Promise<Neighbour[]> {
  const neighbours: Neighbour[] = [];
  for (let n = 0; n < size; n += 1) {
    const { id } = await world.pw.tenants.create({ slug: `n${n}`, name: `N${n}` });
    neighbours.push({ id, mark: `n${n}.` });
  }
  await world.unguarded.query(
    `insert into orders (tenant_id, id, note)
     select id, row, mark || row from unnest($1::uuid[], $2::text[]) as t(id, mark), generate_series(1, 3) row`,
    [neighbours.map(({ id }) => id), neighbours.map(({ mark }) => mark)],
  );
  return neighbours;
}

const LOOK = "select note from orders where note not like 'written%' order by id";
type Rows = { readonly rows: { readonly note: string }[] };
type Look = (world: World, write: string) => Promise<Rows>;

/** The ways in which an application asks a pool, each of which must keep its tenant while it waits. */
export const ASKING: Record<string, Look> = {
  "pool.query": (world) => world.pool.query(LOOK),
  "pool.query with a callback": (world) =>
    new Promise((resolve, reject) => {
      world.pool.query(LOOK, (error: Error | undefined, result: Rows) =>
        error ? reject(error) : resolve(result),
      );
    }),
  "a query from a query's callback": (world) =>
    new Promise((resolve, reject) => {
      world.pool.query("select 1", () => {
        world.pool.query(LOOK, (error: Error | undefined, result: Rows) =>
          error ? reject(error) : resolve(result),
        );
      });
    }),
  "await pool.connect()": async (world) => {
    const client = await world.pool.connect();
    try {
      return await client.query(LOOK);
    } finally {
      client.release();
    }
  },
  "pool.connect with a callback": (world) =>
    new Promise((resolve, reject) => {
      world.pool.connect((error, client, release) => {
        if (error || client === undefined) return reject(error);
        client.query(LOOK, (failure: Error | undefined, result: Rows) => {
          release();
          if (failure) reject(failure);
          else resolve(result);
        });
      });
    }),
  "a transaction": async (world, write) => {
    const client = await world.pool.connect();
    try {
      await client.query("begin");
      await client.query("insert into orders (id, note) values (50, $1)", [`written ${write}`]);
      const found = await client.query(LOOK);
      await client.query("commit");
      return found;
    } finally {
      client.release();
    }
  },
  "a failing statement first": async (world) => {
    await world.pool.query("select 1 / 0").catch(() => undefined);
    return world.pool.query(LOOK);
  },
  "a setting first": async (world) => {
    await world.pool.query("set statement_timeout = '20s'");
    return world.pool.query(LOOK);
  },
};

/** Asks as every neighbour in every way at once, and lists who was given something else than its own rows. */
export async function strays(
  world: World,
  neighbours: readonly Neighbour[],
  ways: readonly string[] = Object.keys(ASKING),
): Promise<string[]> {
  const asked = ways.flatMap((way) => neighbours.map((neighbour) => ({ way, neighbour })));
  // Shuffled, so that whoever releases a connection and whoever gets it next are of different tenants.
  for (let last = asked.length - 1; last > 0; last -= 1) {
    const other = Math.floor(Math.random() * (last + 1));
    [asked[last], asked[other]] = [asked[other]!, asked[last]!];
  }
  const found = await Promise.all(
    asked.map(async ({ way, neighbour: { id, mark } }) => {
      const look = ASKING[way] as Look;
      const seen = await world.pw
        .run(id, () => look(world, mark))
        .then(
          ({ rows }) => rows.map((row) => row.note).join(),
          (error: Error) => error.message,
        );
      const own = [1, 2, 3].map((row) => `${mark}${row}`).join();
      return seen === own ? undefined : `${way}: ${mark} saw ${seen}`;
    }),
  );
  const lost = found.filter((one) => one !== undefined);
  const { rows } = await world.unguarded.query(
    "select tenant_id, note from orders where note like 'written%'",
  );
  for (const { tenant_id: tenant, note } of rows as { tenant_id: string; note: string }[]) {
    const writer = neighbours.find(({ mark }) => note === `written ${mark}`);
    if (writer?.id !== tenant) lost.push(`${note} was written as another tenant`);
  }
  if (ways.includes("a transaction") && rows.length !== neighbours.length) {
    lost.push(`${neighbours.length - rows.length} writes were lost`);
  }
  await world.unguarded.query("delete from orders where note like 'written%'");
  return lost;
}
