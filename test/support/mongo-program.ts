import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { MongoClient } from "mongodb";
import { freePort } from "./free-port.js";
import type { MongoEngine } from "./mongo-servers.js";
import { endProcess, logOf, runWatched } from "./watched-process.js";

/** A server that was started. */
export interface MongoProgram {
  readonly url: string;
  /** Ends it and removes its files. */
  stop(): Promise<void>;
}

/** How a server is run, and how it is seen to be there. */
interface Command {
  readonly program: string;
  readonly args: readonly string[];
  /** Where it listens, once what it printed says that it does. */
  readonly urlIn: (log: string) => string | undefined;
  readonly whenUp?: (url: string) => Promise<void>;
}

/** Starts the server that is at a path, on a free port of 127.0.0.1. */
export async function startMongoProgram(engine: MongoEngine, path: string): Promise<MongoProgram> {
  const folder = await mkdtemp(join(tmpdir(), "partywall-mongo-"));
  const removeFolder = () => rm(folder, { recursive: true, force: true });
  try {
    for (let attempt = 1; ; attempt += 1) {
      const command = COMMANDS[engine](path, folder, await freePort());
      const child = runWatched(command.program, command.args, undefined, [folder]);
      const log = logOf(child);
      const exited = new Promise<void>((done) => child.once("exit", () => done()));
      const url = await new Promise<string | undefined>((settle) => {
        child.stdout?.on("data", () => {
          const found = command.urlIn(log());
          if (found !== undefined) settle(found);
        });
        child.once("close", () => settle(undefined));
        child.once("error", () => settle(undefined));
      });
      if (url !== undefined) {
        const stop = async (): Promise<void> => {
          await endProcess(child, exited);
          await removeFolder();
        };
        try {
          await command.whenUp?.(url);
        } catch (error) {
          await stop();
          throw error;
        }
        return { url, stop };
      }
      // Between finding a free port and taking it somebody else may have been quicker.
      if (log().includes("ddress already in use") && attempt < 5) continue;
      throw new Error(`${engine} did not start in ${folder}:\n${log()}`);
    }
  } catch (error) {
    await removeFolder();
    throw error;
  }
}

// The first two are built by mongo-servers/build.sh, and choose a port of their own.
const COMMANDS: Record<MongoEngine, (path: string, folder: string, port: number) => Command> = {
  ferretdb: (path, folder) => ({ program: path, args: [folder], urlIn: printed }),
  "mongo-java-server": (path, folder) => ({
    program: "java",
    args: [
      // What makes a short life short, and leaves no file of its own in the machine's temporary folder.
      "-XX:TieredStopAtLevel=1",
      "-XX:+UseSerialGC",
      "-XX:-UsePerfData",
      "-Xmx256m",
      `-Djava.io.tmpdir=${folder}`,
      "-cp",
      `${join(path, "*")}${delimiter}${path}`,
      "Serve",
    ],
    urlIn: printed,
  }),
  mongod: (path, folder, port) => ({
    program: path,
    args: [
      "--bind_ip=127.0.0.1",
      `--port=${port}`,
      `--dbpath=${folder}`,
      "--replSet=partywall",
      "--nounixsocket",
    ],
    urlIn: (log) =>
      log.includes("Waiting for connections")
        ? `mongodb://127.0.0.1:${port}/?directConnection=true`
        : undefined,
    whenUp: beginReplicaSet,
  }),
};

function printed(log: string): string | undefined {
  return /^ready: (mongodb:\S+)$/m.exec(log)?.[1];
}

/** Transactions and change streams are a replica set's; one of a single member is one. */
async function beginReplicaSet(url: string): Promise<void> {
  const client = new MongoClient(url);
  try {
    const admin = client.db("admin");
    const { host } = new URL(url);
    await admin.command({
      replSetInitiate: { _id: "partywall", members: [{ _id: 0, host }] },
    });
    while ((await admin.command({ hello: 1 }))["isWritablePrimary"] !== true) {
      await new Promise((again) => setTimeout(again, 50));
    }
  } finally {
    await client.close();
  }
}
