import type { Placement } from "../../scope/tenant.js";

/** The server that `app` and `system` of the guard's options are. */
export const DEFAULT_SERVER = "default";

/** One database under one login, at which the guard keeps connections: those of a place are alike, others are not. */
export interface Place {
  /** Tells places apart; empty for the application's own login on the default server. */
  readonly key: string;
  readonly server: string;
  /** The database; absent for the one that the server's login names. */
  readonly database?: string;
  /** Names the login to the keeper of secrets; absent for the server's own. */
  readonly secret?: string;
  /** Whose place it is alone; absent where tenants share it. */
  readonly tenantId?: string;
}

const places = new Map<string, Place>();

/** The place that the tenants of one server share. */
export function sharedPlace(server: string = DEFAULT_SERVER): Place {
  const key = server === DEFAULT_SERVER ? "" : JSON.stringify([server]);
  const known = places.get(key);
  if (known !== undefined) return known;
  const place = Object.freeze({ key, server });
  places.set(key, place);
  return place;
}

/** The place at which a tenant's statements are sent. */
export function placeOf(tenantId: string, placement: Placement): Place {
  const { strategy, server = DEFAULT_SERVER, name, secret } = placement;
  if (strategy === "row" || (strategy === "schema" && secret === undefined)) {
    return sharedPlace(server);
  }
  const database = strategy === "database" ? name : undefined;
  return Object.freeze({
    key: JSON.stringify([server, database ?? null, secret ?? null, tenantId]),
    server,
    tenantId,
    ...(database === undefined ? {} : { database }),
    ...(secret === undefined ? {} : { secret }),
  });
}
