import { PartywallError } from "../../../errors.js";
import { assertTable, readTenantTable, type SqlClient } from "./catalog.js";
import { readCitusFacts, readCitusKeys, type CitusForeignKey } from "./citus-catalog.js";
import { qualified, quoteLiteral, tableName, type TableName } from "./identifier.js";

/** What is distributed over a Citus cluster. */
export interface CitusOptions {
  /** Tables whose rows belong to a tenant; of a partitioned table, the parent. */
  readonly tables: readonly (string | TableName)[];
  /** Tables that every node gets whole (reference tables). */
  readonly shared?: readonly (string | TableName)[];
  /** Name of the distribution column; default `"tenant_id"`. */
  readonly tenantColumn?: string;
  /** Number of shards of the first table, which the others follow; default: the cluster's `citus.shard_count`. */
  readonly shardCount?: number;
}

/**
 * Reads the live catalogue and returns the statements that distribute the tables over Citus by tenant: reference
 * tables first, then tenant tables by foreign key, colocated. Sends nothing else. The statements have never been run
 * on a Citus server: see `docs/guides/citus.md`. Throws `PW_CONFIG` for whatever Citus documents it cannot distribute,
 * for tables behind the wall, and for a shard count that is not a whole number from 1 to 64000.
 *
 * Source: Citus documentation, "create_distributed_table", "create_reference_table" and "Foreign Keys".
 *
 * @param client a connected client of the login that owns the tables; never the application's
 *
 * @example
 * ```ts
 * import pg from "pg";
 * import { planCitus } from "partywall/guards/postgres";
 *
 * const client = new pg.Client(process.env["MIGRATION_URL"]);
 * await client.connect();
 * const statements = await planCitus(client, { tables: ["customers", "orders"], shared: ["countries"] });
 * console.log(statements.map((sql) => `${sql};`).join("\n")); // a migration
 * await client.end();
 * ```
 */
export async function planCitus(client: SqlClient, options: CitusOptions): Promise<string[]> {
  const { shardCount, tenantColumn: column = "tenant_id" } = options;
  if (
    shardCount !== undefined &&
    !(Number.isInteger(shardCount) && shardCount >= 1 && shardCount <= 64_000)
  ) {
    throw refusal("shardCount is not a whole number from 1 to 64000. Give one, or leave it out.");
  }
  const shared = new Set((options.shared ?? []).map((entry) => qualified(tableName(entry))));
  const tables = new Set(options.tables.map((entry) => qualified(tableName(entry))));
  for (const table of tables) {
    if (shared.has(table)) {
      throw refusal(`${table} is both in tables and in shared. Name it in one of them.`);
    }
  }
  for (const entry of options.shared ?? []) await assertShared(client, tableName(entry), column);
  let first: { name: string; type: string | null } | undefined;
  for (const entry of options.tables) {
    const name = qualified(tableName(entry));
    const type = await assertDistributable(client, tableName(entry), column);
    first ??= { name, type };
    if (type !== first.type) {
      throw refusal(
        `The columns ${column} of ${first.name} and ${name} differ in type or collation, so they cannot be colocated. Give them the same.`,
      );
    }
  }
  const keys = await readCitusKeys(client);
  for (const key of keys) assertKey(key, tables, shared, column);
  const [head, ...rest] = byForeignKey([...tables], keys);
  const distribute = (table: string, more: string) =>
    `select create_distributed_table(${quoteLiteral(table)}, ${quoteLiteral(column)}, ${more})`;
  return [
    ...byForeignKey([...shared], keys).map(
      (table) => `select create_reference_table(${quoteLiteral(table)})`,
    ),
    // Citus takes a shard count only where no other table is followed.
    ...(head === undefined
      ? []
      : [
          distribute(
            head,
            `colocate_with => 'none'${shardCount === undefined ? "" : `, shard_count => ${shardCount}`}`,
          ),
          ...rest.map((table) => distribute(table, `colocate_with => ${quoteLiteral(head)}`)),
        ]),
  ];
}

function refusal(message: string): PartywallError {
  return new PartywallError("PW_CONFIG", message);
}

async function assertShared(client: SqlClient, table: TableName, column: string): Promise<void> {
  await assertTable(client, table);
  assertPlain(qualified(table), await readCitusFacts(client, table, column));
}

function assertPlain(
  name: string,
  facts: { kind: string; rowSecurity: boolean; triggers: readonly string[] },
): void {
  if (facts.kind === "other") throw refusal(`${name} is not a table. Name tables only.`);
  if (facts.kind === "partition") {
    throw refusal(`${name} is a partition. Name its parent, which takes the partitions along.`);
  }
  if (facts.kind === "inherits") {
    throw refusal(`${name} takes part in inheritance. Make it partitioned, or a table by itself.`);
  }
  if (facts.rowSecurity) {
    throw refusal(
      `${name} has row security, whose policies find no seal on a worker. Distribute tables without the wall (docs/guides/citus.md).`,
    );
  }
  if (facts.triggers.length > 0) {
    throw refusal(`${name} has the trigger ${facts.triggers[0]}. Drop it before distributing.`);
  }
}

async function assertDistributable(
  client: SqlClient,
  table: TableName,
  column: string,
): Promise<string | null> {
  await readTenantTable(client, table, column);
  const name = qualified(table);
  const facts = await readCitusFacts(client, table, column);
  assertPlain(name, facts);
  if (facts.valued) {
    throw refusal(
      `The column ${column} of ${name} has a default, or is generated; which node would evaluate it is not certain. Drop the default and name the tenant in every INSERT.`,
    );
  }
  if (facts.uniques.length > 0) {
    throw refusal(
      `The unique or exclusion constraint ${facts.uniques[0]} of ${name} does not hold ${column} (compared by =), so no shard could check it. Add the column to it.`,
    );
  }
  return facts.type;
}

function assertKey(
  key: CitusForeignKey,
  tables: ReadonlySet<string>,
  shared: ReadonlySet<string>,
  column: string,
): void {
  const named = `The foreign key ${key.name} from ${key.from} to ${key.to}`;
  if (!tables.has(key.from)) {
    if (tables.has(key.to)) {
      throw refusal(
        `${named} leads from a ${shared.has(key.from) ? "shared" : "local"} table to a distributed one. Drop the key, or name ${key.from} in tables.`,
      );
    }
    return;
  }
  const at = key.columns.indexOf(column);
  if (at !== -1 && key.rewrites) {
    throw refusal(
      `${named} may rewrite ${column} by its action. Use NO ACTION or ON DELETE CASCADE.`,
    );
  }
  if (shared.has(key.to)) return;
  if (!tables.has(key.to)) {
    throw refusal(`${named} leads to a local table. Name ${key.to} in shared, or in tables.`);
  }
  if (at === -1 || key.references[at] !== column) {
    throw refusal(
      `${named} does not hold ${column} in the same place on both sides. Add it to both.`,
    );
  }
}

/** Referenced tables before those that refer to them; else in the order given. */
function byForeignKey(tables: readonly string[], keys: readonly CitusForeignKey[]): string[] {
  const left = new Set(tables);
  const order: string[] = [];
  while (left.size > 0) {
    const next = [...left].find(
      (table) => !keys.some((key) => key.from === table && key.to !== table && left.has(key.to)),
    );
    if (next === undefined) {
      throw refusal(
        `The foreign keys of ${[...left].join(", ")} form a circle, so none can be first. Drop one and add it again afterwards.`,
      );
    }
    left.delete(next);
    order.push(next);
  }
  return order;
}
