import { createHmac, randomUUID, timingSafeEqual } from "node:crypto";
import { PartywallError } from "../errors.js";
import { outsideScope } from "./current.js";
import type { Keyring } from "./keyring.js";
import type { Scope } from "./scope.js";

const ONE_DAY_MS = 24 * 60 * 60 * 1000;
// A tenant id of 200 characters fills about 1.1 kB; whatever is longer was not made here.
const LONGEST_TOKEN = 4096;

/** How a snapshot is taken. */
export interface SnapshotOptions {
  /** How long it can be resumed, in milliseconds; one day unless told. `Infinity` for ever, which needs an `audience`. */
  readonly expiresInMs?: number;
  /** What it is for, 1 to 500 characters; only `pw.resume()` with the same one takes it. */
  readonly audience?: string;
}

/** How a snapshot is resumed. */
export interface ResumeOptions {
  /** The audience it was taken for; none unless told. */
  readonly audience?: string;
}

/** What a snapshot says: whose scope, and until when; never the tenant's record. */
export interface SnapshotPayload {
  readonly v: 1;
  readonly realm: string;
  readonly kind: "tenant" | "central";
  /** Id of the tenant, for a tenant scope. */
  readonly id?: string;
  /** What it is for. */
  readonly aud?: string;
  /** Identifies this snapshot, for a queue that must not run one twice. */
  readonly jti: string;
  /** Milliseconds since the epoch. */
  readonly iat: number;
  /** Milliseconds since the epoch; null for one that does not expire. */
  readonly exp: number | null;
}

/** Signs a scope with the newest secret: `base64url(payload).base64url(HMAC-SHA256)`. */
export function takeSnapshot(
  scope: Scope | undefined,
  keyring: Keyring,
  options: SnapshotOptions = {},
): string {
  if (scope === undefined) {
    throw outsideScope("pw.snapshot() was called outside every scope. Call it inside pw.run().");
  }
  if (scope.kind === "system") {
    throw new PartywallError(
      "PW_SNAPSHOT_INVALID",
      "A system scope cannot be put into a snapshot: each is opened where its reason is stated. Call pw.system() where the work runs.",
    );
  }
  const { expiresInMs: lifetime = ONE_DAY_MS, audience } = options;
  if (typeof lifetime !== "number" || !(lifetime > 0)) {
    throw new PartywallError(
      "PW_CONFIG",
      "pw.snapshot({ expiresInMs }) must be a positive number of milliseconds.",
    );
  }
  if (audience !== undefined && !isAudience(audience)) {
    throw new PartywallError(
      "PW_CONFIG",
      "pw.snapshot({ audience }) must be a text of 1 to 500 characters.",
    );
  }
  if (lifetime === Infinity && audience === undefined) {
    throw new PartywallError(
      "PW_CONFIG",
      "A snapshot that does not expire must say what it is for: pw.snapshot({ expiresInMs: Infinity, audience }).",
    );
  }
  const now = Date.now();
  const payload: SnapshotPayload = {
    v: 1,
    realm: scope.realm,
    kind: scope.kind,
    ...(scope.kind === "tenant" ? { id: scope.tenant.id } : {}),
    ...(audience === undefined ? {} : { aud: audience }),
    jti: randomUUID(),
    iat: now,
    exp: lifetime === Infinity ? null : Math.ceil(now + lifetime),
  };
  const body = Buffer.from(JSON.stringify(payload)).toString("base64url");
  return `${body}.${sign(body, keyring.derive("snapshot")[0]!).toString("base64url")}`;
}

/** The payload of a snapshot whose signature, realm and expiry hold. */
export function openSnapshot(
  token: string,
  realm: string,
  keyring: Keyring,
  { audience }: ResumeOptions = {},
): SnapshotPayload {
  const payload = verified(token, keyring);
  if (payload === undefined || payload.v !== 1 || payload.realm !== realm) {
    throw new PartywallError(
      "PW_SNAPSHOT_INVALID",
      "The snapshot was not signed by this Partywall instance. It must be passed on unchanged, to an instance with the same realm and secret.",
    );
  }
  if (payload.aud !== audience) {
    throw new PartywallError(
      "PW_SNAPSHOT_INVALID",
      "The snapshot was taken for something else than it is used for here. Each queue, job and worker takes one of its own.",
    );
  }
  if (payload.exp !== null && payload.exp <= Date.now()) {
    throw new PartywallError(
      "PW_SNAPSHOT_EXPIRED",
      "The snapshot has expired. Take a new one, or take it with a longer pw.snapshot({ expiresInMs }).",
    );
  }
  return payload;
}

function isAudience(value: unknown): boolean {
  return typeof value === "string" && value.length >= 1 && value.length <= 500;
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
