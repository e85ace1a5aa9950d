import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Engine } from "./engines.js";
import { findProgram } from "./program.js";

/** What speaks MongoDB's protocol: two servers that `mongo-servers/build.sh` builds, and MongoDB itself. */
export type MongoEngine = "ferretdb" | "mongo-java-server" | "mongod";

/** All of them, in the order in which suites run. */
export const MONGO_ENGINES: readonly MongoEngine[] = ["ferretdb", "mongo-java-server", "mongod"];

/** Where each is: `PARTYWALL_TEST_MONGODB_URL` is a replica set's, as its administrator. */
export function mongoEngines(): Record<MongoEngine, Engine> {
  return { ferretdb: built("ferretdb"), "mongo-java-server": javaServer(), mongod: mongod() };
}

function built(name: string): Engine {
  const folder =
    process.env["PARTYWALL_TEST_MONGO_SERVERS"] ??
    join(homedir(), ".cache", "partywall", "mongo-servers");
  const path = join(folder, name);
  return existsSync(path)
    ? { url: pathToFileURL(path).href }
    : { missing: `it is not in ${folder}; bash test/support/mongo-servers/build.sh builds it` };
}

function javaServer(): Engine {
  return findProgram("java") === undefined
    ? { missing: "there is no java on PATH" }
    : built("mongo-java-server");
}

function mongod(): Engine {
  const named = process.env["PARTYWALL_TEST_MONGODB_URL"];
  if (named) return { url: named };
  const path = findProgram("mongod");
  return path === undefined
    ? { missing: "no PARTYWALL_TEST_MONGODB_URL, and no mongod on PATH" }
    : { url: pathToFileURL(path).href };
}
