import { isDeepStrictEqual } from "node:util";
import type { Placement } from "../../scope/tenant.js";
import { refused } from "../refusal.js";
import type { MoveEntry } from "./entry.js";

/** A tenant as a mover sees it. */
export interface MovableTenant {
  readonly id: string;
  readonly slug: string;
  readonly status: string;
  readonly placement: Placement;
}

/** Tenants as a mover needs them; `pw.tenants` fits. */
export interface MovableTenants {
  get(key: string | { readonly slug: string }): Promise<MovableTenant>;
  relocate(id: string, from: Placement, to: Placement): Promise<unknown>;
}

/**
 * The move that is open and is this one. Undefined where none is open and this one may begin. Throws
 * `PW_TENANT_DATA_REFUSED` where it may not.
 */
export function continued<Entry extends MoveEntry>(
  { slug, status, placement }: MovableTenant,
  to: Placement,
  open: Entry | undefined,
): Entry | undefined {
  if (open !== undefined && isDeepStrictEqual(open.to, to)) return open;
  if (open !== undefined) {
    throw refused(
      open.step === "kept"
        ? `The old copy of ${slug} is still kept from its last move. Confirm that move first.`
        : `The tenant ${slug} is being moved to another place already. End that move, or give it up.`,
    );
  }
  if (status !== "active") {
    throw refused(`The tenant ${slug} is ${status}. Only an active tenant is moved.`);
  }
  // Also under another login, or with its server named otherwise: a copy onto itself begins by emptying it.
  if (isDeepStrictEqual(siteOf(placement), siteOf(to))) {
    throw refused(`The tenant ${slug} lives there already.`);
  }
  return undefined;
}

/** The move whose old copy may be removed. Throws `PW_TENANT_DATA_REFUSED` where there is none. */
export function confirmable<Entry extends MoveEntry>(
  { slug, placement }: MovableTenant,
  open: Entry | undefined,
): Entry {
  if (open?.step !== "kept") {
    throw refused(
      `The tenant ${slug} has no old copy to remove: it was not moved, or its move has not ended. Move it first.`,
    );
  }
  if (!isDeepStrictEqual(placement, open.to)) {
    throw refused(
      `The registry says that ${slug} does not live where its move took it, so nothing was removed. Look at both places, and mend the record.`,
    );
  }
  return open;
}

/** The move that may be given up. Throws `PW_TENANT_DATA_REFUSED` where there is none, or it was cut over. */
export function revocable<Entry extends MoveEntry>(
  { slug, placement }: MovableTenant,
  open: Entry | undefined,
): Entry {
  if (open === undefined) {
    throw refused(`The tenant ${slug} is not being moved. There is nothing to give up.`);
  }
  if (open.step === "kept" || isDeepStrictEqual(placement, open.to)) {
    throw refused(
      `The tenant ${slug} lives at its new place already. Move it back, or end the move with the same call that began it and confirm it.`,
    );
  }
  return open;
}

/** The refusal of a second mover. */
export const alreadyMoving = (slug: string) =>
  refused(`Another process is moving ${slug}. Wait until it has ended.`);

const siteOf = ({ strategy, server = "default", name }: Placement) => ({ strategy, server, name });
