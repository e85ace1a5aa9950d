import { constants, type createReadStream, type createWriteStream } from "node:fs";
import * as fs from "node:fs/promises";
import { Operations } from "./files/operations.js";
import { optionsOf, type FilesHost, type TenantFilesOptions } from "./files/options.js";
import { Places } from "./files/place.js";
import { refusals } from "./files/refusals.js";

export type { FilesHost, TenantFilesOptions } from "./files/options.js";

/**
 * The functions of `node:fs/promises` and the streams of `node:fs`, kept to the tenant's folder. Every other name of
 * `node:fs/promises` is there too, and rejects with `PW_STATEMENT_REFUSED`.
 *
 * @example
 * ```ts
 * import type { TenantFiles } from "partywall/runtime/files";
 *
 * export const logoOf = (files: TenantFiles) => files.readFile("logo.svg", "utf8");
 * ```
 */
export interface TenantFiles extends Pick<
  typeof fs,
  | "access"
  | "appendFile"
  | "copyFile"
  | "lstat"
  | "mkdir"
  | "open"
  | "readFile"
  | "readdir"
  | "rename"
  | "rm"
  | "rmdir"
  | "stat"
  | "unlink"
  | "writeFile"
> {
  readonly createReadStream: typeof createReadStream;
  readonly createWriteStream: typeof createWriteStream;
  readonly constants: typeof constants;
}

/**
 * Files on disk, each tenant's in a folder of its own under one root: paths are relative to the folder of the tenant that is current
 * when the function is called, and no path or link leads out of it.
 *
 * Throws `PW_CONFIG` for a root that is no absolute path. What it returns rejects with `TenantContextError` where no tenant is current,
 * with `PW_PATH_REFUSED` for a path that could lead elsewhere, and with the errors of `node:fs`; streams throw the first two.
 *
 * @example
 * ```ts
 * import { createPartywall } from "partywall";
 * import { tenantFiles } from "partywall/runtime/files";
 *
 * const pw = createPartywall();
 * const files = tenantFiles(pw, { root: "/var/lib/shop/files" });
 * const greet = (tenant: string) => pw.run(tenant, () => files.writeFile("greeting.txt", "hello"));
 * ```
 */
export function tenantFiles(pw: FilesHost, options: TenantFilesOptions): TenantFiles {
  const settings = optionsOf(options);
  const operations = new Operations(new Places(pw, settings), settings.hardLinks);
  return Object.freeze({
    ...refusals(Object.keys(fs).filter((name) => name !== "default")),
    ...operations.bound(),
    constants,
  }) as unknown as TenantFiles;
}
