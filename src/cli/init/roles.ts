import type { LoginRoles } from "./env-files.js";

/** How the database and its roles are called. */
export interface Roles {
  /** The database, where its address is known. */
  readonly database: string | undefined;
  /** An address as a superuser is likely to have it, without a password. */
  readonly superuser: string;
  /** Role names, as `partywall.config.ts` has them. */
  readonly names: LoginRoles & { readonly migrator?: string };
}

// PostgreSQL cuts names off after 63 bytes, and the longest ending is `_registry`.
const LONGEST = 50;

/** Names the roles after the database, or after the package where that is not known. */
export function rolesFor(packageName: string | undefined, address: URL | undefined): Roles {
  const database = address && decoded(address.pathname.slice(1));
  const owner = address && decoded(address.username);
  const base = plainName(database ?? packageName?.replace(/^@[^/]*\//, "") ?? "app");
  const { host = "localhost:5432", pathname = "/DATABASE", search = "" } = address ?? {};
  return {
    database,
    superuser: `postgres://postgres@${host}${pathname}${search}`,
    names: {
      app: `${base}_app`,
      system: `${base}_system`,
      // A superuser sees every row anyway, and is nobody to name in a policy.
      ...(owner === undefined || owner === "" || owner === "postgres" ? {} : { migrator: owner }),
      registry: `${base}_registry`,
    },
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A percent sign that encodes nothing stands for itself.
    return text;
  }
}

function plainName(text: string): string {
  const plain = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9_]+/g, "_")
    .replaceAll(/^_+|_+$/g, "")
    .slice(0, LONGEST);
  return /^[a-z]/.test(plain) ? plain : `app_${plain}`.replace(/_$/, "");
}
