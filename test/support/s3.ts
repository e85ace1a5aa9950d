import { chown, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { engineUrl } from "./engine.js";
import { freePort } from "./free-port.js";
import { unprivilegedAccount } from "./unprivileged-account.js";
import { endProcess, logOf, runWatched } from "./watched-process.js";

/** A server of objects of one test file's own. */
export interface S3Server {
  /** What a client of `@aws-sdk/client-s3` is constructed with. */
  readonly config: {
    readonly endpoint: string;
    readonly region: string;
    readonly forcePathStyle: true;
    readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  };
  /** Stops it and removes its files. */
  stop(): Promise<void>;
}

const KEYS = { accessKeyId: "partywall", secretAccessKey: "partywall-test" };

/** Starts Versity's S3 gateway on 127.0.0.1 over a temporary folder, with versions of objects. */
export async function startS3(): Promise<S3Server> {
  const account = await unprivilegedAccount();
  const folder = await mkdtemp(join(tmpdir(), "partywall-s3-"));
  const removeFolder = () => rm(folder, { recursive: true, force: true });
  try {
    const [data, versions, metadata] = ["data", "versions", "metadata"].map((name) =>
      join(folder, name),
    ) as [string, string, string];
    for (const each of [data, versions, metadata]) await mkdir(each);
    if (account)
      for (const each of [folder, data, versions, metadata])
        await chown(each, account.uid, account.gid);
    for (let attempt = 1; ; attempt += 1) {
      const port = await freePort();
      const server = ["--port", `127.0.0.1:${port}`];
      const root = ["--access", KEYS.accessKeyId, "--secret", KEYS.secretAccessKey];
      // Not every temporary folder has the extended attributes that it keeps metadata in otherwise.
      const store = ["posix", "--sidecar", metadata, "--versioning-dir", versions, data];
      const program = fileURLToPath(engineUrl("versitygw"));
      const child = runWatched(program, [...server, ...root, ...store], account, [folder]);
      const log = logOf(child);
      const exited = new Promise<void>((done) => child.once("exit", () => done()));
      const isUp = await new Promise<boolean>((settle) => {
        child.stdout?.on("data", () => log().includes("listening on") && settle(true));
        child.once("close", () => settle(false));
        child.once("error", () => settle(false));
      });
      if (isUp) {
        return {
          config: {
            endpoint: `http://127.0.0.1:${port}`,
            region: "us-east-1",
            forcePathStyle: true,
            credentials: KEYS,
          },
          stop: async () => {
            await endProcess(child, exited);
            await removeFolder();
          },
        };
      }
      // Between finding a free port and taking it somebody else may have been quicker.
      if (log().includes("ddress already in use") && attempt < 5) continue;
      throw new Error(`The server of objects did not start in ${folder}:\n${log()}`);
    }
  } catch (error) {
    await removeFolder();
    throw error;
  }
}
