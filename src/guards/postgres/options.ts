import { PartywallError } from "../../errors.js";
import type { BootAudit } from "./audit/boot-audit.js";
import type { StatementComment } from "./comment.js";
import type { GuardRollout } from "./rollout.js";
import type { Credentials } from "./router.js";
import type { PgLogin, PgServer } from "./servers.js";

/** How many connections a guard may have open. */
export interface ConnectionBudget {
  /** Of all pools together, the system login's included; default 100, or the `max` of the largest pool configured. */
  readonly connections?: number;
  /** Of one tenant's own database or login; default 5. */
  readonly perTenant?: number;
  /** How long a caller waits for a connection before it gets `PW_POOL_EXHAUSTED`, in milliseconds; default 10,000. */
  readonly waitMs?: number;
}

/** Options of {@link guardPg}. */
export interface GuardPgOptions {
  /** The application's login. May be missing while a build imports the module; the first use then throws. */
  readonly app: PgLogin | undefined;
  /** The system login, for `pw.system()` and for admitting tenants. */
  readonly system?: PgLogin | undefined;
  /** Further servers on which tenants are placed, by the name that placements use; `default` is the one above. */
  readonly servers?: Readonly<Record<string, PgServer>>;
  /** Finds the login that a placement's `secret` names. Called once for each pool of such a tenant. */
  readonly credentials?: Credentials;
  /**
   * Schemas that tenants with a schema of their own see behind it, for shared tables and extensions; default none. A
   * table that is missing in the tenant's schema is looked for there.
   */
  readonly sharedSchemas?: readonly string[];
  /** How many connections there may be. */
  readonly budget?: ConnectionBudget;
  /**
   * Parameters of the startup packet, which a login's own `ALTER ROLE … SET` cannot override. Default:
   * `search_path=public`, `client_encoding=UTF8`, `standard_conforming_strings=on`, `row_security=on`, no timeouts,
   * `read committed` and read-write; given ones, and the timeouts of the `pg` configuration, replace these.
   * A pooler that refuses them needs `{ startup: false }`.
   */
  readonly startup?: Readonly<Record<string, string>> | false;
  /**
   * Keeps statements prepared on each connection, under random names that tenant SQL cannot know: each text from the
   * second time on, a statement with a `name` at once. `true` keeps 100 a connection, a number so many; default
   * `false`, every statement is parsed each time. Not behind a transaction-mode pooler. A connection that cannot keep
   * the names to itself is refused with `PW_CONFIG`.
   */
  readonly preparedStatements?: boolean | number;
  /**
   * When DISCARD ALL clears a connection before another tenant uses it. `"touched"` (default): after statements that
   * may have left a setting, lock or cursor behind, as far as command tags and texts tell. `"always"`: at every
   * change of tenant, two round trips each, for applications whose own functions change the session.
   */
  readonly resetSession?: "touched" | "always";
  /**
   * Puts a comment behind each statement that says whose it is, `"tenant"` or what a function gives, in the format of
   * sqlcommenter; default none.
   */
  readonly comment?: StatementComment;
  /**
   * Lets tables be in rollout until a moment: statements outside any scope are sent and reported, and so is what tables
   * that are not enforced yet let pass. Left out, nothing of that is done.
   */
  readonly rollout?: GuardRollout;
  /**
   * Lets `pw.ready()` audit the catalogue too, through the system login, and refuse where it finds a way around the
   * wall: `"refuse"` for critical and high findings, or what is refused and what may stay. Left out, `pw.ready()` proves
   * only what it needs to. See `docs/reference/audit.md`.
   */
  readonly audit?: "refuse" | BootAudit;
  /** How long expelling a tenant waits for transactions under way before ending them; default 10,000 ms. */
  readonly expelGraceMs?: number;
  /** How long a statement cancelled by `query_timeout` may take to end before its connection is closed; default 5,000 ms. */
  readonly drainMs?: number;
}

/** How a tenant is held. */
export interface HoldOptions {
  /** For how long, in milliseconds, unless it is admitted or released before; `Infinity` until then. */
  readonly holdMs: number;
  /** How long transactions under way are waited for, in milliseconds. */
  readonly graceMs: number;
}

/** Parameters of the startup packet unless told otherwise. */
export const STARTUP = {
  client_encoding: "UTF8",
  standard_conforming_strings: "on",
  row_security: "on",
  search_path: "public",
  statement_timeout: "0",
  lock_timeout: "0",
  idle_in_transaction_session_timeout: "0",
  default_transaction_isolation: "read committed",
  default_transaction_read_only: "off",
};

/** How many statements a connection keeps prepared. Throws `PW_CONFIG` for what is no number of them. */
export function mostPrepared(option: boolean | number = false): number {
  if (typeof option === "boolean") return option ? 100 : 0;
  if (Number.isSafeInteger(option) && option >= 0) return option;
  throw new PartywallError(
    "PW_CONFIG",
    "guardPg() got a `preparedStatements` that is neither true nor false nor a whole number from 0 on: how many statements a connection keeps.",
  );
}

/** A number of a budget. Throws `PW_CONFIG` for one that is not whole or below 1. */
export function positive(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new PartywallError(
    "PW_CONFIG",
    `guardPg() got a \`budget.${name}\` that is not a whole number from 1 on.`,
  );
}

/** The `max` of each pool that the application configured for itself, which no default may cut down. */
export function largestPools({ app, system, servers = {} }: GuardPgOptions): number[] {
  const logins = [app, system, ...Object.values(servers).flatMap((one) => [one.app, one.system])];
  return logins.flatMap((login) => {
    const max = typeof login === "object" ? login["max"] : undefined;
    return typeof max === "number" ? [max] : [];
  });
}
