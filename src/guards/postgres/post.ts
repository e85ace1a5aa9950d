import type { PgClient } from "./driver.js";
import type { Place } from "./place.js";

/** Marks the configuration of a pool whose login is not configured; its connections refuse to connect. */
export const UNCONFIGURED = Symbol("partywall.unconfigured");

/** Where a connection is, and under which login if not the server's own. */
export interface Post {
  readonly place: Place;
  readonly login: { readonly user: string; readonly password: string } | undefined;
}

/** Holds the {@link Post} in a pool's configuration; absent for the place that the configuration itself says. */
export const AT = Symbol("partywall.at");

/** Sets where a connection is. What a connection string says stands before any option, so it is set where the driver keeps it. */
export function take(client: PgClient, { place, login }: Post): void {
  const { connectionParameters: parameters } = client;
  if (place.database !== undefined) client.database = parameters.database = place.database;
  if (login === undefined) return;
  client.user = parameters.user = login.user;
  client.password = login.password;
}
