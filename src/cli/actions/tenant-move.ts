import { isDeepStrictEqual } from "node:util";
import { DEFAULT_SERVER } from "../../guards/postgres/place.js";
import type { TenantRecord } from "../../registry/record.js";
import type { Placement } from "../../scope/tenant.js";
import {
  tenantMover,
  type HoldingGuard,
  type MoveEntry,
  type TenantMover,
} from "../../tenants/index.js";
import { refused } from "../../tenants/refusal.js";
import type { Application } from "../application.js";
import { furtherUrls, loadPg, requiredUrl } from "../connection.js";
import type { Context } from "../context.js";
import { placementText } from "../tenant-view.js";
import { UsageError } from "../usage-error.js";
import { placementOf } from "./tenants.js";

/** The command that begins a tenant's move or goes on with it, to the letter. */
function moveLine(slug: string, { strategy, server, name, secret }: Placement): string {
  return [
    `partywall tenant move ${slug} --strategy ${strategy}`,
    ...(server === undefined ? [] : [`--server ${server}`]),
    ...(name === undefined ? [] : [`--home ${name}`]),
    ...(secret === undefined ? [] : [`--secret ${secret}`]),
  ].join(" ");
}

/** The placement that the flags of `tenant move` name. Throws {@link UsageError} for flags that do not go together. */
export function targetOf(
  tenant: { readonly id: string; readonly slug: string },
  flags: Parameters<typeof placementOf>[1] & { readonly strategy: string },
): Placement {
  // As the default server is written elsewhere: a placement that says it in other words would be another one.
  const server = flags.server === DEFAULT_SERVER ? undefined : flags.server;
  return placementOf(tenant, { ...flags, server })!;
}

/** The move of a tenant that is under way or not confirmed yet, and what works on it. */
export interface OpenMove {
  readonly mover: TenantMover;
  readonly entry: MoveEntry | undefined;
}

/**
 * A mover over what the application's entry exports, and how far the tenant's move has come. Throws {@link UsageError}
 * that names what is missing: the guard, the provisioner where a placement is a schema or database, a server's address.
 */
export async function openMove(
  context: Context,
  application: Application,
  record: TenantRecord,
  options: {
    /** Where it is to live, where that is said. */
    readonly to?: Placement;
    readonly url: string | undefined;
    readonly except?: readonly string[];
  },
): Promise<OpenMove> {
  const { tenants, postgres } = await application.partywall();
  const guard: unknown = postgres;
  if (!isHolding(guard)) {
    throw new UsageError(
      `The instance that ${application.config.entry} exports has no guard of PostgreSQL, which holds a tenant's writes while it is moved. Give createPartywall() one: postgres: guardPg(pg, { … }).`,
    );
  }
  const { to, url, except = [] } = options;
  const { tenantColumn } = application.config;
  const admin = requiredUrl(context, url, application);
  const servers = furtherUrls(context, application);
  const mover = tenantMover(await loadPg(application.folder), {
    tenants,
    guard,
    admin,
    servers,
    homes: {
      provision: async (tenant) => (await application.homes()).provision(tenant),
      vacate: async (tenant) => (await application.homes()).vacate(tenant),
    },
    ...(tenantColumn !== undefined && { tenantColumn }),
    ...(except.length > 0 && { except }),
  });
  const known = [record.placement, ...(to === undefined ? [] : [to])];
  await assertReached(application, record, known, servers);
  const entry = await mover.status(record.id);
  if (entry !== undefined)
    await assertReached(application, record, [entry.from, entry.to], servers);
  return { mover, entry };
}

async function assertReached(
  application: Application,
  { slug }: TenantRecord,
  placements: readonly Placement[],
  servers: Readonly<Record<string, string>>,
): Promise<void> {
  if (placements.some(({ strategy }) => strategy !== "row")) await application.homes();
  for (const { server = DEFAULT_SERVER } of placements) {
    if (server === DEFAULT_SERVER || Object.hasOwn(servers, server)) continue;
    throw new UsageError(
      `The move of ${slug} reaches the server ${server}, whose address is not known. Set postgres.servers.${server}.url in the configuration.`,
    );
  }
}

/** What a move that was stopped or failed has left, and what to run; undefined where it has left nothing. */
export async function leftText(
  mover: TenantMover,
  { id, slug }: TenantRecord,
): Promise<string | undefined> {
  // Where the database does not answer, the error that is told already says so.
  const entry = await mover.status(id).catch(() => undefined);
  if (entry === undefined) return undefined;
  if (entry.step === "kept") {
    return `The old copy is kept: ${placementText(entry.from)}. To remove it: partywall tenant move-confirm ${slug}`;
  }
  return `What was done is kept. To go on: ${moveLine(slug, entry.to)}\nTo take it back: partywall tenant move-give-up ${slug}`;
}

// By its shape: the application may have a copy of the package of its own.
function isHolding(guard: unknown): guard is HoldingGuard {
  if (typeof guard !== "object" || guard === null) return false;
  const candidate = guard as Record<string, unknown>;
  return ["hold", "release", "admit", "expel"].every(
    (name) => typeof candidate[name] === "function",
  );
}

/** The move whose old copy is kept. Throws `PW_TENANT_DATA_REFUSED` where there is none. */
export function keptMove({ slug }: TenantRecord, entry: MoveEntry | undefined): MoveEntry {
  if (entry?.step === "kept") return entry;
  throw refused(
    entry === undefined
      ? `${slug} has no old copy to remove: it was not moved, or its last move is confirmed. partywall tenant show ${slug} tells where it lives.`
      : `The move of ${slug} has not ended, so nothing was removed. End it: ${moveLine(slug, entry.to)}`,
  );
}

/** The move that is to be given up. Throws `PW_TENANT_DATA_REFUSED` where there is none, or it was cut over. */
export function unfinishedMove(
  { slug, placement }: TenantRecord,
  entry: MoveEntry | undefined,
): MoveEntry {
  if (entry === undefined)
    throw refused(`${slug} is not being moved. There is nothing to give up.`);
  const hasMoved = entry.step === "kept" || isDeepStrictEqual(placement, entry.to);
  if (!hasMoved) return entry;
  throw refused(
    `${slug} lives at its new place already, so nothing was given up. End the move (${moveLine(slug, entry.to)}), remove the old copy (partywall tenant move-confirm ${slug}), then move it back.`,
  );
}
