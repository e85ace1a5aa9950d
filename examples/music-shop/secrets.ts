import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { codeOf, Failure } from "./failure.js";
import { TENANTS } from "./tenants.js";

/** Everything secret, made on the first start and kept in the data folder, for this account's eyes only. */
export interface Secrets {
  /** Partywall's own: seals and snapshots are derived from it. */
  readonly partywall: string;
  /** Signs the demonstration's bearer tokens. */
  readonly jwt: string;
  /** Password of each login. */
  readonly logins: Readonly<Record<"app" | "system" | "registry" | "migrator", string>>;
  /** API key of each tenant, by slug. */
  readonly apiKeys: Readonly<Record<string, string>>;
}

/** Reads the secrets, or makes them where they may still be made. Throws a `Failure` when they are gone. */
export async function secretsIn(file: string, mayMake: boolean): Promise<Secrets> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as Secrets;
  } catch (error) {
    if (!mayMake || codeOf(error) !== "ENOENT") {
      throw new Failure(
        `The shop's secrets cannot be read from ${file}: ${(error as Error).message}. ` +
          "Restore the file, or remove the data folder to begin anew.",
        { cause: error },
      );
    }
  }
  const secrets = make();
  await writeFile(file, `${JSON.stringify(secrets, undefined, 2)}\n`, { mode: 0o600, flag: "wx" });
  return secrets;
}

function make(): Secrets {
  const random = () => randomBytes(24).toString("base64url");
  return {
    partywall: random() + random(),
    jwt: random() + random(),
    logins: { app: random(), system: random(), registry: random(), migrator: random() },
    apiKeys: Object.fromEntries(
      TENANTS.map(({ slug }) => [slug, `${slug}-${randomBytes(9).toString("base64url")}`]),
    ),
  };
}
