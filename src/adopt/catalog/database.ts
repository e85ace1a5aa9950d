import { PartywallError } from "../../errors.js";
import type { Schema } from "../schema.js";
import type { ReadCatalog } from "./transaction.js";

type Standing = Pick<
  Schema,
  "database" | "version" | "login" | "isSuperuser" | "extensions" | "publicationsOfAll"
>;

const STANDING = `
select current_database() as database, current_setting('server_version_num')::int as version, current_user as login,
  (select rolsuper from pg_roles where rolname = current_user) as "isSuperuser",
  json_build_object(
    'installed', array(select extname from pg_extension order by 1),
    'available', array(select name from pg_available_extensions order by 1)) as extensions,
  array(select pubname from pg_publication where puballtables order by 1) as "publicationsOfAll"`;

const SCHEMAS = `
select given as name, n.oid is not null as exists,
  given like 'pg\\_%' or given = 'information_schema' as "isSystem"
from unnest($1::text[]) given left join pg_namespace n on n.nspname = given`;

/** Reads what is asked of the database as a whole. */
export async function readStanding(read: ReadCatalog): Promise<Standing> {
  const [standing] = await read<Standing>(STANDING);
  return standing!;
}

/** Throws `PW_CONFIG` unless there are schemas, all of which exist and none of which is PostgreSQL's own. */
export async function assertSchemas(read: ReadCatalog): Promise<void> {
  const given = await read<{ name: string; exists: boolean; isSystem: boolean }>(SCHEMAS);
  if (given.length === 0) {
    throw new PartywallError("PW_CONFIG", "No schema is named to be read. Name at least one.");
  }
  for (const { name, exists, isSystem } of given) {
    if (isSystem) {
      throw new PartywallError(
        "PW_CONFIG",
        `The schema ${name} is PostgreSQL's own and cannot be adopted. Name the application's schemas.`,
      );
    }
    if (!exists) {
      throw new PartywallError(
        "PW_CONFIG",
        `There is no schema ${name} in this database. Create it first, or mend its name.`,
      );
    }
  }
}
