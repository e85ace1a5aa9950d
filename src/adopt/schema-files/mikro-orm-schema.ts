import type { TenantTable } from "./adopted.js";

/** The name of the file that tells MikroORM's diff of tenancy, without its ending. */
export const SCHEMA_FILE = "partywall-schema";

/**
 * The file that tells MikroORM's diff of tenancy. A relation of MikroORM holds the primary key of the other entity and
 * nothing else, so no entity can declare a foreign key that has the tenant before it; neither a column of a join table.
 */
export function mikroSchemaFile(
  tables: readonly TenantTable[],
  joinTables: readonly TenantTable[],
  isTyped: boolean,
): string {
  const lines = (some: readonly TenantTable[]) =>
    some.map(
      ({ table, tenant }) =>
        `  ${JSON.stringify(`${table.schema}.${table.name}`)}: ${JSON.stringify(tenant.name)},`,
    );
  const typed = (code: string) => (isTyped ? code : "");
  return `${[
    "// What MikroORM's diff has to know of tenancy. Both go into the configuration:",
    "// { schemaGenerator, discovery: { afterDiscovered } }",
    ...(isTyped
      ? [
          `import type { Platform } from "@mikro-orm/core";`,
          `import type { DatabaseSchema, DatabaseTable } from "@mikro-orm/postgresql";`,
          "",
          "interface Introspection {",
          "  loadInformationSchema(schema: DatabaseSchema, ...rest: unknown[]): Promise<void>;",
          "}",
        ]
      : []),
    "",
    "/** The tenant's column, by table. */",
    `const TENANTS${typed(": Readonly<Record<string, string>>")} = {`,
    ...lines(tables),
    "};",
    "",
    "/** The tenant's column of join tables that no entity declares. */",
    `const JOIN_TABLES${typed(": Readonly<Record<string, string>>")} = {`,
    ...lines(joinTables),
    "};",
    "",
    "/** Leaves the wall's own schema and policies alone. */",
    `export const schemaGenerator = { ignoreSchema: ["partywall"], ignorePolicies: true };`,
    "",
    "/** Has foreign keys and primary keys compared without the tenant's column, which the database adds to them. */",
    `export function afterDiscovered(_metadata${typed(": unknown")}, platform${typed(": Platform")})${typed(": void")} {`,
    `  const introspection = platform.getSchemaHelper()${typed(" as unknown as Introspection")};`,
    "  const load = introspection.loadInformationSchema.bind(introspection);",
    "  introspection.loadInformationSchema = async (schema, ...rest) => {",
    "    await load(schema, ...rest);",
    "    for (const table of schema.getTables()) hideTenant(table);",
    "  };",
    "}",
    "",
    `function hideTenant(table${typed(": DatabaseTable")})${typed(": void")} {`,
    `  const name = \`\${table.schema ?? "public"}.\${table.name}\`;`,
    "  const tenant = TENANTS[name] ?? JOIN_TABLES[name];",
    "  if (tenant === undefined) return;",
    `  const rest = (columns${typed(": string[]")}) => columns.filter((column) => column !== tenant);`,
    "  for (const key of Object.values(table.getForeignKeys())) {",
    "    if (!key.columnNames.includes(tenant) || key.columnNames.length === 1) continue;",
    "    const at = key.columnNames.indexOf(tenant);",
    "    key.columnNames = rest(key.columnNames);",
    "    key.referencedColumnNames = key.referencedColumnNames.filter((_, index) => index !== at);",
    `    key.deleteRule = key.deleteRule?.replace(/ \\(.*\\)$/, "");`,
    "  }",
    "  const indexes = table.getIndexes().filter((index) => index.primary || !(name in JOIN_TABLES) || !index.columnNames.includes(tenant));",
    "  for (const index of indexes) {",
    "    if (!index.primary || index.columnNames.length === 1) continue;",
    "    index.columnNames = rest(index.columnNames);",
    "    index.composite = index.columnNames.length > 1;",
    "  }",
    "  table.setIndexes(indexes);",
    "  if (!(name in JOIN_TABLES)) return;",
    "  const columns = table.getColumns().filter((column) => column.name !== tenant);",
    "  const primary = indexes.flatMap((index) => (index.primary ? index.columnNames : []));",
    "  table.init(columns, indexes, table.getChecks(), primary, table.getForeignKeys());",
    "}",
  ].join("\n")}\n`;
}
