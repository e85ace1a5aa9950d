import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { AdoptionPlan } from "../../../src/adopt/plan.js";
import type { AdoptionProgress } from "../../../src/adopt/run/progress.js";
import type { Step } from "../../../src/adopt/step.js";
import { dropRoles } from "../../support/roles.js";
import { testDatabase, urlAs } from "../../support/postgres.js";

/** A database in which plans are run, with connections that are closed with it. */
export type Site = Awaited<ReturnType<typeof buildSite>>;

/** Builds a site of its own, with these tables. Call `close` when done. */
export async function buildSite(ddl = "") {
  const database = await testDatabase();
  const clients: pg.Client[] = [];
  const connect = async (login?: string) => {
    const client = new pg.Client({
      connectionString: login
        ? urlAs(database.url, { user: login, password: "secret" })
        : database.url,
    });
    // Many of them are killed.
    client.on("error", () => undefined);
    await client.connect();
    clients.push(client);
    return client;
  };
  const eye = await connect();
  if (ddl !== "") await eye.query(ddl);
  /** Asks the unguarded eye for one value. */
  const value = async <T>(sql: string, values: unknown[] = []): Promise<T> => {
    const { rows } = await eye.query({ text: sql, values, rowMode: "array" });
    return (rows[0] as unknown as T[] | undefined)?.[0] as T;
  };
  return {
    database,
    eye,
    connect,
    value,
    /** Waits until a query answers with true. */
    until: async (sql: string, values: unknown[] = []) => {
      for (let waited = 0; (await value<boolean>(sql, values)) !== true; waited += 5) {
        if (waited > 20_000) throw new Error(`it never came true: ${sql}`);
        await sleep(5);
      }
    },
    close: async () => {
      await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
      await database.drop();
      await dropRoles(database);
    },
  };
}

/** A step of which the test says what matters. */
export function step(given: Partial<Step> & Pick<Step, "id">): Step {
  return {
    phase: "expand",
    title: `the step ${given.id}`,
    sql: [],
    transaction: true,
    locks: [],
    bytes: 0,
    ...given,
  };
}

/** A plan of these steps. */
export function planOf(...steps: readonly Step[]): AdoptionPlan {
  return {
    options: { roles: { app: "partywall_no_app", system: "partywall_no_system" }, tenant: "a" },
    tables: [],
    steps,
    obstacles: [],
    notices: [],
  };
}

/** A step that builds an index beside the load. */
export function indexStep(name: string, on: string, more: Partial<Step> = {}): Step {
  return step({
    id: `index/${name}`,
    sql: [`create ${more.title ?? ""} index concurrently ${name} on ${on}`],
    transaction: false,
    locks: [{ table: on.replace(/ .*/, ""), mode: "SHARE UPDATE EXCLUSIVE" }],
    bytes: 1000,
    done: `select exists (select from pg_index where indexrelid = to_regclass('${name}') and indisvalid) as done`,
    repair: [`drop index concurrently if exists ${name}`],
    down: [`drop index concurrently if exists ${name}`],
    ...more,
  });
}

/** Events as they come, and a wait for the next of a kind. */
export function recorder() {
  const events: AdoptionProgress[] = [];
  const looking = new Set<() => void>();
  return {
    events,
    onProgress: (event: AdoptionProgress) => {
      events.push(event);
      for (const look of looking) look();
    },
    of: <T extends AdoptionProgress["type"]>(type: T) =>
      events.filter(
        (event): event is Extract<AdoptionProgress, { type: T }> => event.type === type,
      ),
    /** Settles when an event of a kind has come. */
    seen: (type: AdoptionProgress["type"], times = 1) =>
      new Promise<void>((done) => {
        const look = () => {
          if (events.filter((event) => event.type === type).length < times) return;
          looking.delete(look);
          done();
        };
        looking.add(look);
        look();
      }),
  };
}

/** Ends a backend as a crash of its client does not: at once, in the middle of its statement. */
export async function terminate(site: Site, pid: number): Promise<void> {
  await site.eye.query("select pg_terminate_backend($1, 5000)", [pid]);
}

/** The backend of a client. */
export async function backendOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query("select pg_backend_pid() as pid");
  return (rows[0] as { pid: number }).pid;
}

/** What a promise is rejected with, awaited later than it may be rejected; undefined where it is not. */
export function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}
