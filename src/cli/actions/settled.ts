import type { TenantRecord } from "../../registry/record.js";
import type { Placement } from "../../scope/tenant.js";
import { refused } from "../../tenants/refusal.js";
import type { Application } from "../application.js";
import { connect, requiredUrl } from "../connection.js";
import type { Context } from "../context.js";
import { placementText } from "../tenant-view.js";

const OPEN = `select origin, target, step from partywall.moves where tenant = $1 and step not in ('confirmed', 'given up')`;

/**
 * Throws `PW_TENANT_DATA_REFUSED` where a move has left a second copy of the tenant, which an erasure of the one would not
 * touch.
 */
export async function assertSettled(
  context: Context,
  application: Application,
  { id, slug }: TenantRecord,
  url: string | undefined,
): Promise<void> {
  const client = await connect(context, application, requiredUrl(context, url, application));
  const { rows: found } = await client.query(
    "select pg_catalog.to_regclass('partywall.moves') is not null as there",
  );
  if (found[0]?.["there"] !== true) return;
  const { rows } = await client.query(OPEN, [id]);
  const [move] = rows as unknown as { origin: Placement; target: Placement; step: string }[];
  if (move === undefined) return;
  throw refused(
    move.step === "kept"
      ? `${slug} was moved, and its old copy is still kept: ${placementText(move.origin)}. Nothing was erased. Remove that first: partywall tenant move-confirm ${slug}`
      : `${slug} is being moved to ${placementText(move.target)}, so it has two copies. Nothing was erased. End the move or give it up first: partywall tenant move-give-up ${slug}`,
  );
}
