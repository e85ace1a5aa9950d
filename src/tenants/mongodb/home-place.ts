import { PartywallError } from "../../errors.js";
import type { ProvisionedTenant } from "../home.js";
import type { AdminClient } from "./admin.js";
import type { HomePlace, Works } from "./works.js";

/** The place of a home, for the application's migrator and seed. */
export function homePlace(
  works: Works,
  client: AdminClient,
  tenant: ProvisionedTenant,
  database: string,
): HomePlace {
  const { strategy, server } = tenant.placement;
  const connectionString = atDatabase(works.admins.url(server), database);
  return Object.freeze({ tenant, strategy, database, client, connectionString });
}

// Several hosts stand between commas, which `URL` does not read.
const ADDRESS = /^(mongodb(?:\+srv)?:\/\/)([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/;

/** A connection string for another database, with the login where it was. Throws `PW_CONFIG` for what is none. */
function atDatabase(url: string, database: string): string {
  const [, scheme, authority, own = "", given = ""] = ADDRESS.exec(url) ?? [];
  if (scheme === undefined || authority === undefined) {
    throw new PartywallError(
      "PW_CONFIG",
      "An admin login is no connection string of MongoDB. Pass mongodb://… or mongodb+srv://….",
    );
  }
  const options = new URLSearchParams(given);
  const names = new Set([...options.keys()].map((name) => name.toLowerCase()));
  // A login is looked for in the database of the address unless told.
  const isTold = names.has("authsource") || names.has("authmechanism");
  if (authority.includes("@") && own !== "" && !isTold) {
    options.set("authSource", decodeURIComponent(own));
  }
  const query = options.size === 0 ? "" : `?${options.toString().replaceAll("+", "%20")}`;
  return `${scheme}${authority}/${encodeURIComponent(database)}${query}`;
}
