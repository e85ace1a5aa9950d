import { createHmac, randomUUID, timingSafeEqual } from "node:crypto";
import { PartywallError, TenantContextError } from "../errors.js";
import type { Keyring } from "./keyring.js";
import type { Scope } from "./scope.js";

const ONE_DAY_MS = 24 * 60 * 60 * 1000;
// A tenant id of 200 characters fills about 1.1 kB; whatever is longer was not made here.
const LONGEST_TOKEN = 4096;

/** How a snapshot is taken. */
export interface SnapshotOptions {
  /** How long it can be resumed, in milliseconds; one day unless told. */
  readonly expiresInMs?: number;
}

/** What a snapshot says: whose scope, and until when; never the tenant's record. */
export interface SnapshotPayload {
  readonly v: 1;
  readonly realm: string;
  readonly kind: "tenant" | "central";
  /** Id of the tenant, for a tenant scope. */
  readonly id?: string;
  /** Identifies this snapshot, for a queue that must not run one twice. */
  readonly jti: string;
  /** Milliseconds since the epoch. */
  readonly iat: number;
  /** Milliseconds since the epoch. */
  readonly exp: number;
}

/** Signs a scope with the newest secret: `base64url(payload).base64url(HMAC-SHA256)`. */
export function takeSnapshot(
  scope: Scope | undefined,
  keyring: Keyring,
  options: SnapshotOptions = {},
): string {
  if (scope === undefined) {
    throw new TenantContextError(
      "PW_NO_SCOPE",
      "pw.snapshot() was called outside every scope. Call it inside pw.run().",
    );
  }
  if (scope.kind === "system") {
    throw new PartywallError(
      "PW_SNAPSHOT_INVALID",
      "A system scope cannot be put into a snapshot: each is opened where its reason is stated. Call pw.system() where the work runs.",
    );
  }
  const lifetime = options.expiresInMs ?? ONE_DAY_MS;
  if (!Number.isFinite(lifetime) || lifetime <= 0) {
    throw new PartywallError(
      "PW_CONFIG",
      "pw.snapshot({ expiresInMs }) must be a positive number of milliseconds.",
    );
  }
  const now = Date.now();
  const payload: SnapshotPayload = {
    v: 1,
    realm: scope.realm,
    kind: scope.kind,
    ...(scope.kind === "tenant" ? { id: scope.tenant.id } : {}),
    jti: randomUUID(),
    iat: now,
    exp: Math.ceil(now + lifetime),
  };
  const body = Buffer.from(JSON.stringify(payload)).toString("base64url");
  return `${body}.${sign(body, keyring.derive("snapshot")[0]!).toString("base64url")}`;
}

/** The payload of a snapshot whose signature, realm and expiry hold. */
export function openSnapshot(token: string, realm: string, keyring: Keyring): SnapshotPayload {
  const payload = verified(token, keyring);
  if (payload === undefined || payload.v !== 1 || payload.realm !== realm) {
    throw new PartywallError(
      "PW_SNAPSHOT_INVALID",
      "The snapshot was not signed by this Partywall instance. It must be passed on unchanged, to an instance with the same realm and secret.",
    );
  }
  if (payload.exp <= Date.now()) {
    throw new PartywallError(
      "PW_SNAPSHOT_EXPIRED",
      "The snapshot has expired. Take a new one, or take it with a longer pw.snapshot({ expiresInMs }).",
    );
  }
  return payload;
}

function verified(token: unknown, keyring: Keyring): SnapshotPayload | undefined {
  const keys = keyring.derive("snapshot");
  if (typeof token !== "string" || token.length > LONGEST_TOKEN) return undefined;
  const [body, mac, ...rest] = token.split(".");
  if (body === undefined || mac === undefined || rest.length > 0) return undefined;
  const given = Buffer.from(mac, "base64url");
  // Every key is tried, so the time taken does not tell which one matched.
  const matches = keys.filter((key) => {
    const expected = sign(body, key);
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
  if (matches.length === 0 || given.toString("base64url") !== mac) return undefined;
  return JSON.parse(Buffer.from(body, "base64url").toString()) as SnapshotPayload;
}

function sign(body: string, key: Buffer): Buffer {
  return createHmac("sha256", key).update(body).digest();
}
