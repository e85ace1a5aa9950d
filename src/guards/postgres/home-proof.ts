import { PartywallError } from "../../errors.js";
import type { GuardHost } from "../../scope/guard.js";
import { markedTenant } from "./ddl/tenant-schema.js";
import { displaced } from "./refusals.js";

const MARK = `select pg_catalog.shobj_description(d.oid, 'pg_database') as mark
from pg_catalog.pg_database d where d.datname = pg_catalog.current_database()`;

type Send = (text: string) => Promise<{ readonly rows: Record<string, unknown>[] }>;

/**
 * Proves that the connected database is the tenant's home. Throws `PW_PLACEMENT_STALE` where it is marked as another's
 * or as nobody's: the tenant has moved, or was never provisioned there.
 */
export async function assertHome(send: Send, tenantId: string, host: GuardHost): Promise<void> {
  const { rows } = await send(MARK);
  const mark = rows[0]?.["mark"];
  if (typeof mark === "string" && markedTenant(mark) === tenantId) return;
  host.relocated(tenantId);
  throw stale();
}

// Missing, forbidden to connect to, or not taking connections.
const NOT_THERE = new Set(["3D000", "42501", "55000", "57P03"]);

/** What is told of a connection to a tenant's own database that failed: the placement may be out of date. */
export function homeError(error: Error, tenantId: string, host: GuardHost): Error {
  const { code } = error as { code?: unknown };
  if (typeof code !== "string" || !NOT_THERE.has(code)) return error;
  host.relocated(tenantId);
  return stale(error);
}

function stale(cause?: Error): PartywallError {
  return displaced(
    new PartywallError(
      "PW_PLACEMENT_STALE",
      "The database in which the tenant is placed is not its home, or does not let the application in: the tenant was moved, suspended or erased, or never provisioned there. Nothing was sent; the placement is read again for the next scope.",
      cause && { cause },
    ),
  );
}
