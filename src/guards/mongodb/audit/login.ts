import type { MongoDocument } from "../driver.js";
import type { AuditClient } from "./audit-client.js";

/** A right of a login. */
export interface AuditedPrivilege {
  /** Undefined for any database, and for what concerns the whole server. */
  readonly database: string | undefined;
  readonly collection: string | undefined;
  readonly isClusterWide: boolean;
  readonly isOfEverything: boolean;
  readonly actions: readonly string[];
}

/** Who a connection is to the server. */
export interface AuditedLogin {
  /** `name@database`; none where nobody logged in. */
  readonly users: readonly string[];
  /** Undefined where the server does not tell them. */
  readonly privileges: readonly AuditedPrivilege[] | undefined;
}

/** Asks a server who a client is, and what it may do. */
export async function readLogin(client: AuditClient): Promise<AuditedLogin> {
  const { authInfo } = await client
    .db("admin")
    .command({ connectionStatus: 1, showPrivileges: true });
  const { authenticatedUsers, authenticatedUserPrivileges } = Object(authInfo) as Record<
    string,
    MongoDocument[] | undefined
  >;
  return {
    users: (authenticatedUsers ?? []).map(userOf),
    privileges: authenticatedUserPrivileges?.map(privilegeOf),
  };
}

/** The name of a user, as the server tells it. */
export const userOf = ({ user, db }: MongoDocument): string => `${String(user)}@${String(db)}`;

function privilegeOf({ resource, actions }: MongoDocument): AuditedPrivilege {
  const { db, collection, cluster, anyResource } = Object(resource) as MongoDocument;
  return {
    database: typeof db === "string" && db !== "" ? db : undefined,
    collection: typeof collection === "string" && collection !== "" ? collection : undefined,
    isClusterWide: cluster === true,
    isOfEverything: anyResource === true,
    actions: Array.isArray(actions) ? actions.map(String) : [],
  };
}
