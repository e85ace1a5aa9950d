import { PartywallError } from "../../../errors.js";
import type { SqlClient } from "./catalog.js";
import { qualified, quoteIdentifier, quoteLiteral, type TableName } from "./identifier.js";
import type { TenantTable } from "./policies.js";

/**
 * How far row security of a table has been rolled out short of being enforced. `observe` stamps nothing and filters
 * nothing; `stamp` stamps writes and filters nothing. Both report what the wall would have kept.
 */
export type RolloutMode = "observe" | "stamp";

/** Tables that the wall does not guard yet, and until when. */
export interface WallRollout {
  /**
   * The moment from which all of them are enforced, whether or not anything runs then: a `Date`, or an ISO 8601 date
   * (midnight in UTC) or time with its zone; at most 180 days ahead. One that has passed enforces at once.
   */
  readonly until: Date | string;
  /** The tables, `"orders"` or `"sales.orders"`, each one of the wall's `tables`; those not named are enforced. */
  readonly tables: Readonly<Record<string, RolloutMode>>;
}

/** The rollout of one table. */
export interface TableRollout {
  readonly mode: RolloutMode;
  /** When it ends, in milliseconds since 1970. */
  readonly until: number;
  /** The default of the tenant column as it is, if it has one. */
  readonly standing: string | undefined;
}

const LONGEST_DAYS = 180;
const ISO = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2}))?$/;

/**
 * When a rollout ends, in milliseconds since 1970. Throws `PW_CONFIG` for what is no moment, or more than 180 days away.
 *
 * @param where the function whose option it is, for the message
 */
export function endOfRollout(until: unknown, where: string): number {
  const isMoment = until instanceof Date || (typeof until === "string" && ISO.test(until));
  const end = isMoment ? new Date(until).getTime() : Number.NaN;
  if (Number.isNaN(end)) {
    throw new PartywallError(
      "PW_CONFIG",
      `${where} got a rollout without an end. Give \`until\` as a Date, as "2026-03-01", or as a time with its zone such as "2026-03-01T09:00Z".`,
    );
  }
  if (end > Date.now() + LONGEST_DAYS * 86_400_000) {
    throw new PartywallError(
      "PW_CONFIG",
      `${where} got a rollout that ends in more than ${LONGEST_DAYS} days, for which tables must not stay open. Give an earlier \`until\`; it can be moved later.`,
    );
  }
  return end;
}

/** What each table's row security is to be. */
export class RolloutPlan {
  /** When it ends, in milliseconds since 1970; absent where it has ended. */
  readonly until: number | undefined;
  readonly #modes: Map<string, RolloutMode>;
  readonly #unused: Set<string>;
  readonly #planned = new Map<string, RolloutMode | "enforce">();

  constructor(rollout: WallRollout | undefined) {
    const modes = Object.entries(rollout?.tables ?? {});
    for (const [table, mode] of modes) {
      // A misspelt mode must not pass for another.
      if (mode !== "observe" && mode !== "stamp") {
        throw new PartywallError(
          "PW_CONFIG",
          `The rollout of ${table} is neither "observe" nor "stamp". Leave the table out of \`rollout\` to enforce it.`,
        );
      }
    }
    const until = rollout && endOfRollout(rollout.until, "The wall");
    this.#modes = new Map(modes);
    this.#unused = new Set(this.#modes.keys());
    this.until = until !== undefined && until > Date.now() ? until : undefined;
  }

  /** The mode of a table that is named in the wall's `tables`; `undefined` where it is enforced. */
  modeOf({ schema, name }: TableName): RolloutMode | undefined {
    const labels = [`${schema}.${name}`];
    if (schema === "public" && !name.includes(".")) labels.push(name);
    const label = labels.find((one) => this.#modes.has(one));
    if (label === undefined) return undefined;
    this.#unused.delete(label);
    return this.until === undefined ? undefined : this.#modes.get(label);
  }

  /** Notes what a table becomes. Throws `PW_CONFIG` where it becomes two things, itself and beneath its parent. */
  note(table: TableName, mode: RolloutMode | undefined): void {
    const label = qualified(table);
    const known = this.#planned.get(label);
    if (known !== undefined && known !== (mode ?? "enforce")) {
      throw new PartywallError(
        "PW_CONFIG",
        `The table ${table.schema}.${table.name} is rolled out in one way by itself and in another through its parent. Name both in \`rollout\` with the same mode.`,
      );
    }
    this.#planned.set(label, mode ?? "enforce");
  }

  /** Whether any table is not enforced yet. */
  get isOpen(): boolean {
    return [...this.#planned.values()].some((mode) => mode !== "enforce");
  }

  /** Throws `PW_CONFIG` where the rollout names a table that the wall does not. */
  assertUsed(): void {
    const [stray] = this.#unused;
    if (stray === undefined) return;
    throw new PartywallError(
      "PW_CONFIG",
      `The rollout names ${stray}, which is not among the wall's \`tables\`. Mend its name, or add it there.`,
    );
  }
}

/** The conditions of the policy of a table in rollout: what may be read, and what may be written. */
export function rolloutConditions(
  { table, column, type }: TenantTable,
  { mode, until }: TableRollout,
): { readonly using: string; readonly check: string } {
  const end = `'${until}'::bigint`;
  const target = `${quoteLiteral(qualified(table))}::pg_catalog.regclass`;
  // Each sub-select is evaluated at most once a statement, the second at the first row that the first does not admit.
  // The comparison with true makes the condition dearer than a statement's own `tenant_id = $1`, which PostgreSQL then
  // tries first: rows that the application hides from itself are not reported.
  const condition = (kind: "read" | "write") =>
    `${quoteIdentifier(column)} = (select partywall.sealed_${type}(${end})) or (select partywall.observe(${target}, '${mode}', '${kind}', ${end})) >= true`;
  return { using: condition("read"), check: condition("write") };
}

// Read with an empty search path, so that its names are qualified and mean the same in whichever session sets it again.
const DEFAULT = `
with path as materialized (
  select pg_catalog.current_setting('search_path') as former, pg_catalog.set_config('search_path', '', true) as now
), found as materialized (
  select pg_catalog.pg_get_expr(d.adbin, d.adrelid) as expression
  from path, pg_catalog.pg_attrdef d join pg_catalog.pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
  where d.adrelid = pg_catalog.to_regclass($1) and a.attname = $2
)
select found.expression, pg_catalog.set_config('search_path', path.former, true)
from path left join found on true`;

/** Reads the default of a table's tenant column. */
export async function readDefault(
  client: SqlClient,
  { table, column }: TenantTable,
): Promise<string | undefined> {
  const { rows } = await client.query(DEFAULT, [qualified(table), column]);
  const expression = rows[0]?.["expression"];
  return typeof expression === "string" ? expression : undefined;
}

const SEALED = String.raw`partywall\.sealed_[a-z]+\('\d+'::bigint\)`;
const OWN_DEFAULT = new RegExp(
  String.raw`^(?:partywall\.tenant_[a-z]+\(\)|${SEALED}|COALESCE\(${SEALED}, ([^]+)\))$`,
);

/**
 * What becomes of the default of a tenant column in rollout. In `stamp` it is the sealed tenant, and where none is
 * sealed what the default was before. In `observe` it is what it was before; where that is no longer known, because
 * the table was enforced or had none, stamping goes on, so that no write fails which succeeded.
 */
export function rolloutDefault(
  { table, column, type }: TenantTable,
  { mode, until, standing }: TableRollout,
): string[] {
  const own = standing === undefined ? undefined : OWN_DEFAULT.exec(standing);
  const former = own === null ? standing : own?.[1];
  if (mode === "observe" && !own) return [];
  const sealed = `partywall.sealed_${type}('${until}'::bigint)`;
  const stamped = former === undefined ? sealed : `coalesce(${sealed}, ${former})`;
  const expression = mode === "observe" ? (former ?? sealed) : stamped;
  return [
    `alter table ${qualified(table)} alter column ${quoteIdentifier(column)} set default ${expression}`,
  ];
}
