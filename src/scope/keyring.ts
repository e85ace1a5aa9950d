import { createHash, hkdfSync } from "node:crypto";
import { PartywallError } from "../errors.js";

const SHORTEST_SECRET = 32;

/**
 * Keys derived from an instance's secrets with HKDF-SHA256
 * ({@link https://www.rfc-editor.org/rfc/rfc5869 RFC 5869}), one per secret, newest first. The derivation covers
 * realm, purpose and subject, so no key serves two uses.
 */
export class Keyring {
  readonly #secrets: readonly string[];
  readonly #realm: string;

  constructor(realm: string, secret: string | readonly string[] | undefined) {
    this.#realm = realm;
    this.#secrets =
      typeof secret === "string" ? [secret].filter((one) => one !== "") : [...(secret ?? [])];
    for (const one of this.#secrets) {
      if (typeof one === "string" && one.length >= SHORTEST_SECRET) continue;
      throw new PartywallError(
        "PW_CONFIG",
        `createPartywall({ secret }): every secret must be a string of at least ${SHORTEST_SECRET} characters. ` +
          "Generate one with: openssl rand -base64 32",
      );
    }
  }

  /** One 32-byte key per secret. Throws `PW_CONFIG` when the instance has no secret. */
  derive(...context: readonly string[]): readonly Buffer[] {
    if (this.#secrets.length === 0) {
      throw new PartywallError(
        "PW_CONFIG",
        "A signing key is needed but createPartywall() was given no secret. Set { secret } to at least 32 random characters.",
      );
    }
    // Hashed because Node.js limits `info` to 1024 bytes and an id may be longer; JSON keeps the parts apart.
    const info = createHash("sha256")
      .update(JSON.stringify([this.#realm, ...context]))
      .digest();
    return this.#secrets.map((secret) =>
      Buffer.from(hkdfSync("sha256", secret, "partywall/v1", info, 32)),
    );
  }

  /** Values that tell secrets apart without revealing them; empty when there is no secret. */
  fingerprints(): readonly string[] {
    return this.#secrets.length === 0
      ? []
      : this.derive("fingerprint").map((key) => key.toString("hex"));
  }
}
