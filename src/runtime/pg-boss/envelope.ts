import { createHash } from "node:crypto";
import { PartywallError } from "../../errors.js";
import { outsideScope } from "../../scope/current.js";
import type { Scope } from "../../scope/scope.js";
import type { JobNames, NativeJob } from "./native.js";

/** The part of a Partywall instance that jobs need; what `createPartywall` returns fits. */
export interface JobHost {
  scope(): Scope | undefined;
  snapshot(options: { readonly expiresInMs: number; readonly audience: string }): string;
  resume<T>(
    snapshot: string,
    fn: () => T,
    options: { readonly audience: string },
  ): Promise<Awaited<T>>;
}

/** What a job's data is in the table: whose it is, and what was sent. */
interface Envelope {
  readonly partywall: string;
  readonly data: unknown;
}

/** The data of a job with the signed scope of this moment, good for this queue alone. Throws `PW_NO_SCOPE` outside every scope. */
export function enclosed(pw: JobHost, queue: string, data: unknown): Envelope {
  return {
    partywall: pw.snapshot({ expiresInMs: Infinity, audience: audienceOf(queue) }),
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
    audience: audienceOf(sourceName ?? name),
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
  const { group, singletonKey } = options;
  const tenant = tenantOf(pw);
  if (tenant === undefined) return options;
  return {
    ...options,
    singletonKey: ownKey(pw, singletonKey),
    group: { ...group, id: group === undefined ? tenant : `${tenant}_${group.id}` },
  };
}

/** A key that is the tenant's own. Throws `PW_NO_SCOPE` outside every scope. */
export function ownKey(pw: JobHost, key = ""): string {
  const tenant = tenantOf(pw);
  return tenant === undefined ? key : `${tenant}_${key}`;
}

// Undefined in a central scope. An id may hold what pg-boss allows in no key.
function tenantOf(pw: JobHost): string | undefined {
  const scope = pw.scope();
  if (scope === undefined)
    throw outsideScope(
      "A job was sent or named outside every scope, so nothing was done. Do it inside pw.run(), or in pw.central() where it is nobody's.",
    );
  if (scope.kind !== "tenant") return undefined;
  return createHash("sha256").update(scope.tenant.id).digest("hex").slice(0, 32);
}

function audienceOf(queue: string): string {
  return `pg-boss:${createHash("sha256").update(queue).digest("base64url")}`;
}
