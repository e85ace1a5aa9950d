import type { Placement, Tenant } from "../../scope/tenant.js";
import { PartywallError } from "../../errors.js";
import type { CommandScope } from "./command/command-scope.js";
import { clientKey, DEFAULT_SERVER } from "./servers.js";

/** What a command may do, fixed when its operation was issued, whatever runs when it is sent. */
export interface Ticket {
  /** Whose it is: `tenant:<id>`, `central`, `system:<server>`, or one of the guard's own. */
  readonly holder: string;
  readonly kind: CommandScope["kind"] | "proof" | "views";
  /** Names the client over whose connections it is sent. */
  readonly client: string;
  readonly tenantId?: string;
  /** The tenant's value of the field that documents carry. */
  readonly value?: unknown;
  /** The database that is the tenant's alone; absent where tenants share one. */
  readonly database?: string;
  /** Names the place in which the tenant lives, as {@link placeNamed} does. */
  readonly place?: string;
}

/** The ticket of the guard's own proofs; over every client. */
export const PROOF: Ticket = { holder: "proof", kind: "proof", client: "" };

/** The ticket with which the guard reads of what collections are views; over every client. */
export const VIEWS: Ticket = { holder: "views", kind: "views", client: "" };

/** Whether a ticket is one of the guard's own, which is sent whatever scope is current. */
export const isOwn = ({ kind }: Ticket): boolean => kind === "proof" || kind === "views";

export const CENTRAL: Ticket = {
  holder: "central",
  kind: "central",
  client: clientKey(DEFAULT_SERVER, "app"),
};

/** The ticket of a system scope on a server. */
export function systemTicket(server: string): Ticket {
  return { holder: `system:${server}`, kind: "system", client: clientKey(server, "system") };
}

/** The ticket of a tenant that lives at a placement. Throws `PW_PLACEMENT` where MongoDB has no such place. */
export function tenantTicket(
  tenant: Tenant,
  placement: Placement,
  valueOf: (tenant: Tenant) => unknown,
): Ticket {
  const database = ownDatabase(placement);
  const client = clientKey(placement.server ?? DEFAULT_SERVER, "app");
  return {
    holder: `tenant:${tenant.id}`,
    kind: "tenant",
    client,
    tenantId: tenant.id,
    place: placeOf(client, database),
    value: database === undefined ? valueOf(tenant) : undefined,
    ...(database === undefined ? {} : { database }),
  };
}

const placeOf = (client: string, database = ""): string => JSON.stringify([client, database]);

/** Names the place that a placement is. Throws `PW_PLACEMENT` where MongoDB has no such place. */
export function placeNamed(placement: Placement): string {
  const database = ownDatabase(placement);
  const client = clientKey(placement.server ?? DEFAULT_SERVER, "app");
  return placeOf(client, database);
}

// What no tenant's database may be called: the server keeps its own things there.
const RESERVED = new Set(["admin", "local", "config"]);

/** The database that a placement gives to one tenant alone; undefined for row. Throws `PW_PLACEMENT` for what MongoDB cannot place. */
function ownDatabase({ strategy, name, secret }: Placement): string | undefined {
  const refuse = (what: string) =>
    new PartywallError(
      "PW_PLACEMENT",
      `A tenant cannot be placed in MongoDB so: ${what}. Place it by row, or in a database of its own with a \`name\`.`,
    );
  if (secret !== undefined) throw refuse("this guard takes no login for one tenant");
  if (strategy === "row") return undefined;
  if (strategy !== "database") throw refuse("it has no schemas");
  if (name === undefined || name === "") throw refuse("its database has no name");
  if (RESERVED.has(name)) throw refuse("its database has a name that is the server's own");
  return name;
}
