import type { Severity } from "../../severity.js";
import type { Look } from "./look.js";

/** What a check found. */
export interface Found {
  /** Where, as a namespace, an index of it, a login or a model. */
  readonly object: string;
  /** What `{detail}` in the check's texts stands for. */
  readonly detail?: string;
  /** What mends it, for mongosh; absent where a person must decide. */
  readonly mongosh?: string;
}

/** Something that a check could not look at. */
export interface NotSeen {
  readonly object: string;
  /** Why not, to follow "could not be looked at:". */
  readonly unseen: string;
}

/**
 * One question to a server. In `why` and `fix`, `{object}` and `{detail}` stand for what was found.
 */
export interface Check {
  /** Stable name, in kebab case. */
  readonly code: string;
  readonly severity: Severity;
  /** What follows for the tenants, in one sentence. */
  readonly why: string;
  /** What to do, in a sentence. */
  readonly fix: string;
  /** Whether it reads documents, and not only how they are kept. */
  readonly readsDocuments?: true;
  readonly find: (look: Look) => Promise<readonly (Found | NotSeen)[]>;
}

/**
 * Something that leads around the guard, or may.
 *
 * @example
 * ```ts
 * import type { MongoFinding } from "partywall/guards/mongodb";
 *
 * const line = ({ severity, code, object, fix }: MongoFinding) => `${severity} ${code} ${object}: ${fix}`;
 * ```
 */
export interface MongoFinding {
  readonly code: string;
  readonly severity: Severity;
  /** Where: a namespace, an index of it, a login or a model; on a further server after its name and a colon. */
  readonly object: string;
  readonly why: string;
  /** What to do, in a sentence. */
  readonly fix: string;
  /** What mends it, for mongosh as an administrator; absent where a person must decide. */
  readonly mongosh?: string;
}

/**
 * Something that could not be looked at, so that nothing is known of it.
 *
 * @example
 * ```ts
 * import type { MongoUnseen } from "partywall/guards/mongodb";
 *
 * const line = ({ code, object, why }: MongoUnseen) => `${code}: ${object} could not be looked at: ${why}`;
 * ```
 */
export interface MongoUnseen {
  /** The finding that may be there. */
  readonly code: string;
  readonly severity: Severity;
  readonly object: string;
  readonly why: string;
}
