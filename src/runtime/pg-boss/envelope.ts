import { PartywallError } from "../../errors.js";
import { audienceOf } from "../jobs/audience.js";
import type { JobHost } from "../jobs/host.js";
import { ownPrefix } from "../jobs/owner.js";
import type { JobNames, NativeJob } from "./native.js";

/** The kind of the audiences of pg-boss' jobs. */
const KIND = "pg-boss";

/** What a job's data is in the table: whose it is, and what was sent. */
interface Envelope {
  readonly partywall: string;
  readonly data: unknown;
}

/** The data of a job with the signed scope of this moment, good for this queue alone. Throws `PW_NO_SCOPE` outside every scope. */
export function enclosed(pw: JobHost, queue: string, data: unknown): Envelope {
  return {
    partywall: pw.snapshot({ expiresInMs: Infinity, audience: audienceOf(KIND, queue) }),
    data: data ?? null,
  };
}

/** What a job carries; the snapshot is empty where it carries none, and then good for nothing. */
export function opened({ data, name, sourceName }: NativeJob): {
  snapshot: string;
  audience: string;
  data: unknown;
} {
  const { partywall, data: sent } = (data ?? {}) as Partial<Envelope>;
  return {
    snapshot: typeof partywall === "string" ? partywall : "",
    // A dead letter was sent to the queue that it failed on.
    audience: audienceOf(KIND, sourceName ?? name),
    data: sent,
  };
}

/**
 * The options with every name in them the tenant's own: a key that two tenants use is two keys, a job without one is single, or
 * throttled, among its tenant's alone, and a group is a tenant's. Throws `PW_STATEMENT_REFUSED` for an `id`.
 */
export function ownNames(pw: JobHost, options: JobNames): object {
  if (options.id !== undefined)
    throw new PartywallError(
      "PW_STATEMENT_REFUSED",
      "A job was given an id, which is one for all tenants, so nothing was sent. Give it a singletonKey, which is each tenant's own.",
    );
  const prefix = ownPrefix(pw);
  if (prefix === undefined) return options;
  const { group, singletonKey = "" } = options;
  return {
    ...options,
    singletonKey: `${prefix}${singletonKey}`,
    group: { ...group, id: `${prefix}${group?.id ?? ""}` },
  };
}

/** A key that is the tenant's own. Throws `PW_NO_SCOPE` outside every scope. */
export function ownKey(pw: JobHost, key = ""): string {
  return `${ownPrefix(pw) ?? ""}${key}`;
}
