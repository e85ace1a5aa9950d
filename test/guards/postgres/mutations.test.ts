import { afterEach, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { runScript } from "../../support/roles.js";
import { PAIRS } from "./attacks/late-failure.js";
import { mutant, type Cut } from "./attacks/mutant.js";
import { PROBES, type ProbeName } from "./attacks/probes.js";
import { SEALS } from "./attacks/raid.js";
import { buildWorld, type World } from "./world.js";

type Seal = (typeof SEALS)[number];

interface Mutation {
  /** What is taken away. */
  readonly gone: string;
  /** What must get through then. */
  readonly probe: ProbeName;
  /** SQL of the superuser that takes it away. */
  readonly sql?: (world: World) => string;
  /** Source that is cut out. */
  readonly cuts?: readonly Cut[];
  readonly only?: Seal;
  readonly preparedStatements?: boolean;
}

const CLIENT = "guards/postgres/client.ts";
const SESSION = "guards/postgres/session.ts";
const STATEMENT = "guards/postgres/statement.ts";
const POOL = "guards/postgres/pool.ts";
const PREPARED = "guards/postgres/prepared.ts";
// What a command tag tells, PREPARE among others, is hidden where SQL runs inside a function.
const TOUCHED = {
  file: SESSION,
  find: /return this\.#touched \|\| this\.#moved\.size > 0/,
  replace: "return false",
};
const TICKET = "guards/postgres/ticket.ts";

const trusting = `create or replace function partywall.tenant_uuid() returns uuid language sql stable as
  $$ select substr(current_setting('partywall.seal'), 65)::uuid $$`;

const MUTATIONS: readonly Mutation[] = [
  {
    gone: "the protected parameter's protection",
    only: "parameter",
    probe: "forgedSeal",
    sql: (w) => `grant set on parameter backtrace_functions to ${w.roles.app}`,
  },
  {
    gone: "the protected parameter's protection",
    only: "parameter",
    probe: "replayedSeal",
    sql: (w) => `grant set on parameter backtrace_functions to ${w.roles.app}`,
  },
  { gone: "the MAC of the seal", only: "mac", probe: "forgedSeal", sql: () => trusting },
  {
    gone: "the transaction in the MAC",
    only: "mac",
    probe: "replayedSeal",
    sql: () =>
      `create or replace function partywall.seal_mac(key bytea, tenant text) returns text language sql stable as
       $$ select encode(sha256(key || convert_to(tenant, 'UTF8')), 'hex') $$`,
  },
  {
    gone: "the policy of a table",
    probe: "rowsAcross",
    sql: () => "drop policy partywall_tenant on orders",
  },
  {
    gone: "the check on what is written",
    probe: "rowsAcross",
    sql: () => "alter policy partywall_tenant on orders with check (true)",
  },
  {
    gone: "row security",
    probe: "rowsAcross",
    sql: () => "alter table orders disable row level security",
  },
  {
    gone: "FORCE, with the table owned by the login",
    probe: "rowsAcross",
    sql: (w) =>
      `grant create on schema public to ${w.roles.app}; alter table orders owner to ${w.roles.app}; alter table orders no force row level security`,
  },
  {
    gone: "the restriction of the policy",
    probe: "rowsAcross",
    sql: (w) =>
      `drop policy partywall_tenant on orders; create policy partywall_tenant on orders for all to ${w.roles.app} using (tenant_id = (select partywall.tenant_uuid()))`,
  },
  {
    gone: "role-attributes (BYPASSRLS)",
    probe: "rowsAcross",
    sql: (w) => `alter role ${w.roles.app} bypassrls`,
  },
  {
    gone: "role-attributes (CREATEROLE)",
    probe: "anotherRole",
    sql: (w) => `alter role ${w.roles.app} createrole`,
  },
  {
    gone: "the revoked TRUNCATE",
    probe: "rowsAcross",
    sql: (w) => `grant truncate on orders to ${w.roles.app}`,
  },
  {
    gone: "the revoked TRIGGER",
    probe: "trigger",
    sql: (w) => `grant trigger on orders to ${w.roles.app}`,
  },
  {
    gone: "temp-tables",
    probe: "leftBehind",
    sql: (w) => `grant temporary on database ${w.database.name} to ${w.roles.app}`,
    // The guard sees a temporary table made, too, and clears it away.
    cuts: [
      { file: STATEMENT, find: /\|\\binto\\s\+\(\?:local\\s\+\|global\\s\+\)\?temp/, replace: "" },
    ],
  },
  {
    gone: "schema-create",
    probe: "plantedTable",
    sql: (w) => `grant create on schema public to ${w.roles.app}`,
  },
  {
    gone: "languages",
    probe: "doBlock",
    sql: (w) => `grant usage on language plpgsql to ${w.roles.app}`,
  },
  {
    gone: "large-objects",
    probe: "largeObject",
    sql: (w) =>
      `grant execute on function lo_from_bytea(oid, bytea), lo_get(oid) to ${w.roles.app}`,
  },
  {
    gone: "signal-backends",
    probe: "disturbedStatement",
    sql: (w) => `grant execute on function pg_cancel_backend(int) to ${w.roles.app}`,
  },
  {
    gone: "prepared-statements",
    probe: "preparedNames",
    sql: (w) =>
      `grant select on pg_prepared_statements to ${w.roles.app}; grant execute on function pg_prepared_statement() to ${w.roles.app}`,
  },
  {
    gone: "track-activities",
    probe: "watchedStatement",
    sql: (w) => `alter role ${w.roles.app} reset track_activities`,
  },
  {
    gone: "system-signal",
    probe: "outlastedGrace",
    sql: (w) => `revoke pg_signal_backend from ${w.roles.system}`,
  },
  {
    gone: "the secrecy of the seals",
    probe: "listedSeals",
    sql: (w) => `grant select on partywall.seals to ${w.roles.app}`,
  },
  {
    gone: "the scope check",
    probe: "withoutScope",
    cuts: [
      {
        file: TICKET,
        find: /if \(scope\?\.kind === "central"\) return CENTRAL;/,
        replace: 'if (scope?.kind !== "system") return CENTRAL;',
      },
    ],
  },
  {
    gone: "the pool's binding of a query's callback",
    probe: "crowdedPool",
    cuts: [{ file: POOL, find: /keepScope\(given\)/, replace: "given" }],
  },
  {
    gone: "the pool's binding of a connection's callback",
    probe: "crowdedPool",
    cuts: [
      {
        file: POOL,
        find: /(?<=const done = )callback && keepScope\(callback\)/,
        replace: "callback",
      },
    ],
  },
  {
    gone: "the ticket taken when the query is issued",
    probe: "crowdedPool",
    cuts: [
      {
        file: POOL,
        find: /\(client as GuardedClient\)\.issue\(ticket, text, values, finish\)/,
        replace: "(client as GuardedClient).query(text, values, finish)",
      },
    ],
  },
  {
    gone: "the transaction's pin",
    probe: "strangerInTransaction",
    cuts: [
      {
        file: SESSION,
        find: /!this\.isIdle && this\.#owner !== undefined && this\.#owner !== ticket\.holder/,
        replace: "false",
      },
    ],
  },
  {
    gone: "the reset on release",
    probe: "leftBehind",
    cuts: [TOUCHED],
  },
  {
    gone: "the reset on release",
    probe: "heldCursor",
    cuts: [TOUCHED],
  },
  {
    gone: "the end of what a borrower left open",
    probe: "leftBehind",
    cuts: [
      {
        file: CLIENT,
        find: /this\.isIdle &&(?=\s*!this\.#session\.isTouched)/,
        replace: "",
      },
    ],
  },
  {
    gone: "the count of answers to come",
    probe: "answersOutOfStep",
    cuts: [
      { file: CLIENT, find: /if \(this\.#answers > 0 && !this\.pipeline\) return;/, replace: "" },
      { file: CLIENT, find: /this\.#answers === 0 &&/, replace: "" },
    ],
  },
  {
    gone: "the secrecy of the names of prepared statements",
    probe: "replacedName",
    preparedStatements: true,
    cuts: [
      {
        file: PREPARED,
        find: /\(\) => randomBytes\(16\)\.toString\("base64url"\)/,
        replace: "((n) => () => `statement-${n++ + 0 * randomBytes(1).length}`)(0)",
      },
      TOUCHED,
    ],
  },
  {
    gone: "the proof that names cannot be listed",
    probe: "replacedName",
    preparedStatements: true,
    sql: (w) =>
      `grant select on pg_prepared_statements to ${w.roles.app}; grant execute on function pg_prepared_statement() to ${w.roles.app}`,
    cuts: [
      { file: "guards/postgres/private-names.ts", find: /listed === false/, replace: "listed" },
      TOUCHED,
    ],
  },
  {
    gone: "the plainness of the session a statement is prepared in",
    probe: "changedMeaning",
    preparedStatements: true,
    cuts: [{ file: SESSION, find: / && !this\.#locallySet/, replace: "" }],
  },
];

// Tried where statements stay prepared, too.
const NAMED = new Set(["replacedName", "changedMeaning", "heldCursor", "rowsAcross", "leftBehind"]);

for (const seal of SEALS) {
  describeEngine("postgres", `the attack suite, under the ${seal} seal`, () => {
    let world: World | undefined;
    let remove: (() => Promise<void>) | undefined;
    afterEach(async () => {
      await world?.close();
      await remove?.();
      world = remove = undefined;
    });

    const build = async (preparedStatements: boolean, cuts: readonly Cut[] = []) => {
      const made = cuts.length > 0 ? await mutant(cuts) : undefined;
      remove = made?.remove;
      world = await buildWorld({
        seal,
        max: 1,
        ...PAIRS,
        guard: { preparedStatements, expelGraceMs: 200 },
        ...(made && { code: made.code }),
      });
      return world;
    };

    for (const [name, probe] of Object.entries(PROBES)) {
      for (const preparedStatements of NAMED.has(name) ? [false, true] : [false]) {
        test(`${name} finds nothing where every guard stands${preparedStatements ? ", statements kept" : ""}`, async () => {
          expect(await probe(await build(preparedStatements))).toEqual([]);
        });
      }
    }

    for (const { gone, probe, sql, cuts, only, preparedStatements } of MUTATIONS) {
      if (only !== undefined && only !== seal) continue;
      test(`${probe} gets through without ${gone}`, async () => {
        const built = await build(preparedStatements === true, cuts);
        if (sql) await runScript(built.unguarded, sql(built));
        expect(await PROBES[probe](built)).not.toEqual([]);
      });
    }
  });
}
