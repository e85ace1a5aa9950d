import type { Placement } from "../../scope/tenant.js";
import type { ProvisionedTenant } from "../home.js";
import type { AdminClient, Admins } from "./admin.js";
import type { CollectionTemplate, DatabaseTemplate } from "./template.js";

/** Where a home is, for the application's own migrator and seed. */
export interface HomePlace<Client = AdminClient> {
  readonly tenant: ProvisionedTenant;
  readonly strategy: Placement["strategy"];
  /** Name of the database: the tenant's own, or the one that tenants share by row. */
  readonly database: string;
  /** A connected client of the admin login, unguarded; closed by the provisioner, and not by you. */
  readonly client: Client;
  /** The admin login's address of the database, for migrators that take one. Holds secrets. */
  readonly connectionString: string;
}

/** What the provisioner's parts work with. */
export interface Works {
  readonly admins: Admins;
  readonly realm: string;
  readonly tenantField: string;
  readonly template: DatabaseTemplate | undefined;
  readonly collections: readonly CollectionTemplate[];
  readonly migrate: ((place: HomePlace) => unknown) | undefined;
  readonly seed: ((place: HomePlace) => unknown) | undefined;
}
