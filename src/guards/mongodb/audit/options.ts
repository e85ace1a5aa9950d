import type { MongoFinding, MongoUnseen } from "./check.js";
import type { ModelSource } from "./model-source.js";
import type { DocumentReference } from "./reference.js";
import type { PlacedTenant } from "./tenant-values.js";

/**
 * What the audit of a MongoDB guard looks at.
 *
 * @example
 * ```ts
 * import type { MongoAuditOptions } from "partywall/guards/mongodb";
 *
 * export const options: MongoAuditOptions = {
 *   references: [{ from: "orders.customer", to: "customers._id" }],
 *   maxTimeMs: 10_000,
 * };
 * ```
 */
export interface MongoAuditOptions {
  /**
   * The tenants there are, asked for twice at most: `() => pw.tenants.all()`. Without them a document that names none of
   * them is not told from others, and tenants' own databases are not looked at.
   */
  readonly tenants?: () => AsyncIterable<PlacedTenant> | Iterable<PlacedTenant>;
  /** Paths that name documents of other collections, beside those that models tell of. Default none. */
  readonly references?: readonly DocumentReference[];
  /** ODMs to look at, beside those that an adapter put over the guard. Default none. */
  readonly models?: readonly ModelSource[];
  /** Whether documents are read, and not only how they are kept; default true. */
  readonly documents?: boolean;
  /** How many documents of each collection are looked at, drawn at random by `$sample`; every one unless told. */
  readonly sample?: number;
  /** How long the server may work at one question; default 60,000 ms. */
  readonly maxTimeMs?: number;
}

/**
 * What an audit found, the worst first.
 *
 * @example
 * ```ts
 * import type { MongoAudit } from "partywall/guards/mongodb";
 *
 * const isClean = ({ findings, unseen }: MongoAudit) => findings.length + unseen.length === 0;
 * ```
 */
export interface MongoAudit {
  /** The database that `app` names. */
  readonly database: string;
  /** The application's login, `name@database`; empty where the server asks for none. */
  readonly login: string;
  readonly findings: readonly MongoFinding[];
  /** What could not be looked at: nothing is known of it. */
  readonly unseen: readonly MongoUnseen[];
}
