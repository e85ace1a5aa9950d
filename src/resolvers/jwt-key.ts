import { PartywallError } from "../errors.js";

/** What a token is verified with, and the size of it when it is a secret. */
export interface VerificationKey<Key> {
  readonly key: Key;
  readonly secretBytes?: number;
}

const SECRET_ALGORITHMS = new Map([
  ["HS256", 32],
  ["HS384", 48],
  ["HS512", 64],
]);
const PUBLIC_ALGORITHMS =
  /^(?:(?:RS|PS)(?:256|384|512)|ES(?:256|384|512)|EdDSA|Ed25519|ML-DSA-(?:44|65|87))$/;
const PUBLIC_DEFAULT = ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"];

/** The key as given; throws `PW_CONFIG` on one that must not verify a token. */
export function checkedKey<Key extends { readonly type: string }>(
  key: Key | Uint8Array,
): VerificationKey<Key | Uint8Array> {
  if (key instanceof Uint8Array) {
    // A public key's text used as a secret lets anyone who has the public key sign (RS/HS confusion).
    if (Buffer.from(key).includes("-----BEGIN"))
      throw keyRefused(
        "PEM text is not a secret. Import it first, with createPublicKey of node:crypto or importSPKI of jose",
      );
    return { key: key.slice(), secretBytes: key.byteLength };
  }
  if (typeof key !== "object" || key === null || typeof key.type !== "string")
    throw keyRefused(
      "key must be bytes, a KeyObject or a CryptoKey. Text: TextEncoder; PEM: createPublicKey of node:crypto",
    );
  if (key.type === "public") return { key };
  if (key.type !== "secret") throw keyRefused("a private key does not verify. Pass the public one");
  return { key, secretBytes: secretSize(key) };
}

/** The algorithms to accept with a key; throws `PW_CONFIG` on one of another kind of key, on `none` and on a short secret. */
export function algorithmsFor(
  algorithms: readonly string[] | undefined,
  secretBytes: number | undefined,
): string[] {
  const accepted = [...(algorithms ?? (secretBytes === undefined ? PUBLIC_DEFAULT : ["HS256"]))];
  if (accepted.length === 0)
    throw keyRefused("algorithms is empty. Name at least one, or leave it out");
  for (const algorithm of accepted) {
    const bytes = SECRET_ALGORITHMS.get(algorithm);
    if (secretBytes === undefined ? !PUBLIC_ALGORITHMS.test(algorithm) : bytes === undefined)
      throw keyRefused(
        `"${algorithm}" does not go with ${secretBytes === undefined ? "a public key" : "a secret"}`,
      );
    // RFC 7518 §3.2: a key at least as long as the hash.
    if (secretBytes !== undefined && bytes !== undefined && secretBytes < bytes)
      throw keyRefused(`${algorithm} needs a secret of at least ${bytes} bytes`);
  }
  return accepted;
}

function secretSize(key: object): number {
  const { symmetricKeySize, algorithm } = key as {
    symmetricKeySize?: number;
    algorithm?: { length?: number };
  };
  return symmetricKeySize ?? (algorithm?.length ?? 0) / 8;
}

function keyRefused(what: string): PartywallError {
  return new PartywallError("PW_CONFIG", `jwt() cannot be built: ${what}.`);
}
