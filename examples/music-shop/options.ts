import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { barrierTo, unprivilegedAccount } from "../../test/support/unprivileged-account.js";
import { Failure } from "./failure.js";

/** What the command line and the environment say. */
export interface Options {
  readonly port: number;
  readonly dataDir: string;
  /** Whether to complete a first start that was interrupted. */
  readonly finish: boolean;
}

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));

export const HELP = `A music shop with several tenants, on a real PostgreSQL of its own.

  npm start [-- options]

  --port <number>   where to serve, on 127.0.0.1; default 3000, or MUSIC_SHOP_PORT
  --data <folder>   where to keep the data; default .partywall/music-shop in the repository, or MUSIC_SHOP_DATA
  --finish          complete a first start that was interrupted
  --help            this text

Ctrl-C stops the shop and its database. The data stays; remove the folder to begin anew.
`;

/** Reads the options; undefined when help was asked for. Throws a `Failure` for what cannot be meant. */
export async function readOptions(args: readonly string[]): Promise<Options | undefined> {
  const values = parse(args);
  if (values.help === true) return undefined;
  const port = values.port ?? (process.env["MUSIC_SHOP_PORT"] || "3000");
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
    throw new Failure(
      `"${port}" is not a port. Give a number from 1 to 65535: npm start -- --port 3001`,
    );
  }
  const folder = values.data ?? process.env["MUSIC_SHOP_DATA"];
  if (folder === "")
    throw new Failure("--data is empty. Name a folder: npm start -- --data ./shop");
  return {
    port: Number(port),
    dataDir: await folderFor(folder),
    finish: values.finish === true,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        port: { type: "string" },
        data: { type: "string" },
        finish: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw new Failure(`${(error as Error).message}. See npm start -- --help`);
  }
}

/** The folder named, or one in the repository; where PostgreSQL's account cannot reach it, elsewhere or a `Failure`. */
async function folderFor(named: string | undefined): Promise<string> {
  const path =
    named === undefined ? resolve(REPOSITORY, ".partywall", "music-shop") : resolve(named);
  const account = await unprivilegedAccount();
  const barrier = account && (await barrierTo(join(existing(path), "cluster"), account));
  if (!barrier) return path;
  if (named !== undefined) {
    throw new Failure(
      `PostgreSQL does not run as root but as ${account.name}, which may not pass ${barrier}. ` +
        "Name a folder it can reach: npm start -- --data /var/lib/music-shop",
    );
  }
  // A clone under /root.
  const clone = createHash("sha256").update(REPOSITORY).digest("hex").slice(0, 8);
  return `/var/lib/partywall-music-shop-${clone}`;
}

/** The part of a path that is there. */
function existing(path: string): string {
  return existsSync(path) ? path : existing(dirname(path));
}
