import { quoteIdentifier } from "../../guards/postgres/ddl/identifier.js";
import type { Placement } from "../../scope/tenant.js";
import type { ProvisionedTenant } from "../home.js";
import type { HomePlace, Works } from "./works.js";

/** The place of a home, for the application's migrator and seed. */
export function homePlace(
  works: Works,
  placement: Placement,
  tenant: ProvisionedTenant | undefined,
): HomePlace {
  const { strategy, server, name } = placement;
  const database = strategy === "database" ? name : undefined;
  const schema = strategy === "schema" ? name : undefined;
  const config = works.admins.config(server, database);
  const options = schema === undefined ? undefined : startupOptions(schema, works.sharedSchemas);
  const { connectionString } = config;
  const address =
    typeof connectionString === "string" ? withOptions(connectionString, options) : undefined;
  return Object.freeze({
    strategy,
    ...(tenant && { tenant }),
    ...(schema !== undefined && { schema }),
    ...(database !== undefined && { database }),
    connection: Object.freeze({
      ...config,
      ...(address !== undefined && { connectionString: address }),
      ...(options !== undefined &&
        address === undefined && {
          options: [config["options"], options].filter(Boolean).join(" "),
        }),
    }),
    ...(address !== undefined && { connectionString: address }),
  });
}

// Blanks and backslashes separate options unless a backslash stands before them.
function startupOptions(schema: string, shared: readonly string[]): string {
  const path = [schema, ...shared].map(quoteIdentifier).join(",");
  return `-c search_path=${path.replaceAll(/[\\ ]/g, String.raw`\$&`)}`;
}

function withOptions(address: string, options: string | undefined): string {
  if (options === undefined) return address;
  const url = new URL(address);
  const own = url.searchParams.get("options");
  url.searchParams.set("options", own === null ? options : `${own} ${options}`);
  // Not every client reads a plus sign as a blank.
  url.search = url.search.replaceAll("+", "%20");
  return url.href;
}
