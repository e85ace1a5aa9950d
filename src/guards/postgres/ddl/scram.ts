import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import { PartywallError } from "../../../errors.js";

const ITERATIONS = 4096;
const PRINTABLE_ASCII = /^[\u0020-\u007e]+$/;

/**
 * What PostgreSQL keeps of a password, to be given in its place, so that neither the statement nor the server's log
 * holds the password. Throws `PW_CONFIG` for a password that is empty or not printable ASCII, which clients do not
 * agree how to prepare.
 *
 * Source: RFC 5802, section 3; PostgreSQL manual, `pg_authid.rolpassword`.
 */
export function scramVerifier(password: string, salt: Buffer = randomBytes(16)): string {
  if (!PRINTABLE_ASCII.test(password)) {
    throw new PartywallError(
      "PW_CONFIG",
      "A login's password is empty or holds something else than printable ASCII. Choose another.",
    );
  }
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, "sha256");
  const keyed = (text: string): Buffer => createHmac("sha256", salted).update(text).digest();
  const stored = createHash("sha256").update(keyed("Client Key")).digest();
  const parts = [stored, keyed("Server Key")].map((part) => part.toString("base64"));
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString("base64")}$${parts.join(":")}`;
}
