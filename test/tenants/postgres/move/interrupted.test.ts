import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { Placement } from "partywall";
import { tenantMover, type MoverOptions } from "partywall/tenants";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../../support/engine.js";
import { buildTown, type Town } from "../../../guards/postgres/placement/town.js";
import { townHomes } from "./homes.js";

const ROW: Placement = { strategy: "row" };

/** Dies at one moment of its life, between two things it asks of the databases, and does nothing afterwards. */
class Fate {
  #left: number;
  readonly clients = new Set<pg.Client>();
  /** How many moments there were. */
  moments = 0;

  constructor(left = Number.POSITIVE_INFINITY) {
    this.#left = left;
  }

  async pass<T>(work: () => Promise<T>): Promise<T> {
    this.#moment();
    const result = await work();
    this.#moment();
    return result;
  }

  #moment(): void {
    this.moments += 1;
    this.#left -= 1;
    if (this.#left > 0) return;
    // As when the process is killed: every connection goes at once.
    for (const client of this.clients) {
      (
        client as unknown as { connection: { stream: { destroy(): void } } }
      ).connection.stream.destroy();
    }
    throw new Error("killed");
  }
}

function mortal(town: Town, homes: MoverOptions["homes"], fate: Fate) {
  const { pw, guard } = town;
  class Client extends pg.Client {
    constructor(config?: pg.ClientConfig) {
      super(config);
      fate.clients.add(this);
    }
    override query(...args: unknown[]): never {
      return fate.pass(() => Reflect.apply(super.query, this, args) as Promise<unknown>) as never;
    }
  }
  return tenantMover(
    { Client },
    {
      tenants: {
        get: (key) => pw.tenants.get(key),
        relocate: (...args) => fate.pass(() => pw.tenants.relocate(...args)),
      },
      guard: {
        hold: (...args) => fate.pass(() => guard.hold(...args)),
        release: (...args) => fate.pass(() => guard.release(...args)),
        admit: (...args) => fate.pass(() => guard.admit(...args)),
        expel: (...args) => fate.pass(() => guard.expel(...args)),
      },
      admin: town.database.url,
      homes: {
        provision: (tenant) => fate.pass(async () => homes.provision(tenant)),
        vacate: (tenant) => fate.pass(async () => homes.vacate(tenant)),
      },
    },
  );
}

describeEngine("postgres", "a move that is killed", () => {
  let town: Town;
  let homes: ReturnType<typeof townHomes>;
  const schema: Placement[] = [];

  beforeAll(async () => {
    town = await buildTown(
      [
        { slug: "anna", strategy: "row" },
        { slug: "ben", strategy: "row" },
      ],
      { guard: { budget: { connections: 30, waitMs: 20_000 } } },
    );
    homes = townHomes(town);
    schema.push(
      { strategy: "schema", name: `${town.database.name}_s` },
      { strategy: "database", name: `${town.database.name}_d` },
    );
  });
  afterAll(() => town.close());

  const rowsOf = async (text: string) =>
    (await town.boroughs["default"]!.superuser.query(text)).rows;

  /** Writes as long as `work` lasts; resolves to the ids that were acknowledged. */
  const writingDuring = async (work: () => Promise<unknown>): Promise<number[]> => {
    const done = new AbortController();
    const written: number[] = [];
    let turn = Math.floor(Date.now() % 1_000_000_000);
    const writer = (async () => {
      while (!done.signal.aborted) {
        turn += 1;
        try {
          await town.as("anna", "insert into orders (id, note) values ($1, 'kept')", [turn]);
          written.push(turn);
        } catch (error) {
          expect(error).toMatchObject({ code: "PW_PLACEMENT_STALE" });
        }
        await sleep(1);
      }
    })();
    try {
      await work();
    } finally {
      done.abort();
      await writer;
    }
    return written;
  };

  const idsNow = async () =>
    (await town.as("anna", "select id from orders order by id")).map(({ id }) => id as number);

  test("goes on where it was, whenever that happened, and loses nothing", async () => {
    const known = new Set(await idsNow());
    let [from, to] = [ROW, schema[0]!];
    const whole = new Fate();
    await mortal(town, homes, whole).move({ slug: "anna" }, to);
    await mortal(town, homes, new Fate()).confirm({ slug: "anna" });
    [from, to] = [to, from];
    // Every moment there is, a few at a time: each move begins where the last one ended.
    const moments = Array.from({ length: 26 }, (_, n) => 1 + Math.floor((n * whole.moments) / 24));
    const seen = new Set<string>();
    for (const [at, moment] of moments.entries()) {
      if (at % 4 === 3) to = schema[at % 2]!;
      if (JSON.stringify(from) === JSON.stringify(to)) to = ROW;
      const written = await writingDuring(async () => {
        const killed = mortal(town, homes, new Fate(moment)).move({ slug: "anna" }, to);
        seen.add(
          await killed.then(
            () => "done",
            (error: Error) => error.message,
          ),
        );
        await mortal(town, homes, new Fate())
          .move({ slug: "anna" }, to)
          .catch((error: Error) => {
            if (
              !error.message.includes("lives there already") &&
              !error.message.includes("old copy")
            )
              throw error;
          });
      });
      for (const id of written) known.add(id);
      expect(new Set(await idsNow()), `killed at moment ${moment}`).toEqual(known);
      const entry = await mortal(town, homes, new Fate()).status({ slug: "anna" });
      expect(entry?.step).toBe("kept");
      const dying = mortal(town, homes, new Fate(1 + (at % 6))).confirm({ slug: "anna" });
      await dying.catch(() => undefined);
      await mortal(town, homes, new Fate())
        .confirm({ slug: "anna" })
        .catch((error: Error) => expect(error.message).toContain("no old copy"));
      [from, to] = [to, from];
    }
    expect(seen.has("killed")).toBe(true);
    expect(
      await rowsOf("select tgname from pg_trigger where tgname like 'partywall_capture%'"),
    ).toEqual([]);
    expect(await town.rows("ben")).toHaveLength(3);
  }, 180_000);

  test("is given up where it was, whenever that happened before the cut, and leaves nothing", async () => {
    const known = new Set(await idsNow());
    const { placement } = await town.pw.tenants.get({ slug: "anna" });
    const to = placement.strategy === "schema" ? schema[1]! : schema[0]!;
    let givenUp = 0;
    for (const moment of [3, 8, 15, 25, 40, 60, 75]) {
      const written = await writingDuring(async () => {
        await mortal(town, homes, new Fate(moment))
          .move({ slug: "anna" }, to)
          .catch(() => undefined);
        const open = await mortal(town, homes, new Fate()).status({ slug: "anna" });
        if (open === undefined) return;
        if (open.step === "kept") throw new Error(`moved before moment ${moment}`);
        await mortal(town, homes, new Fate()).giveUp({ slug: "anna" });
        givenUp += 1;
      });
      for (const id of written) known.add(id);
      expect(new Set(await idsNow()), `given up at moment ${moment}`).toEqual(known);
      expect(homes.built.filter(({ name }) => name === to.name)).toEqual([]);
      expect((await town.pw.tenants.get({ slug: "anna" })).placement).toEqual(placement);
    }
    expect(givenUp).toBeGreaterThan(3);
  }, 120_000);
});
