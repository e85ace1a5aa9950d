import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { ApplicationService } from "@adonisjs/core/types";

/** What an application of AdonisJS is made of, for a test. */
export interface AdonisSetup {
  readonly routes: (app: ApplicationService) => Promise<void>;
  readonly providers?: readonly (() => Promise<unknown>)[];
  readonly config?: Record<string, unknown>;
}

/**
 * A real application of AdonisJS, booted by its ignitor and listening on a free port of this machine. AdonisJS is no
 * module for an older Node.js, so it is loaded here.
 */
export async function startAdonis(
  { routes, providers = [], config = {} }: AdonisSetup,
  atEnd: (stop: () => unknown) => void,
): Promise<number> {
  // AdonisJS writes the types of its routes there.
  const root = await mkdtemp(join(tmpdir(), "partywall-adonis-"));
  atEnd(() => rm(root, { recursive: true, force: true }));
  const { IgnitorFactory } = await import("@adonisjs/core/factories");
  const { defineConfig } = await import("@adonisjs/core/logger");
  const ignitor = new IgnitorFactory()
    .withCoreProviders()
    .withCoreConfig()
    .merge({
      config: {
        logger: defineConfig({ default: "app", loggers: { app: { enabled: false } } }),
        ...config,
      },
      rcFileContents: { providers: [...providers] },
    })
    .preload(routes)
    .create(pathToFileURL(`${root}/`));
  let server: Server | undefined;
  Object.assign(process.env, { HOST: "127.0.0.1", PORT: "0" });
  await ignitor.httpServer().start((handler) => {
    server = createServer((req, res) => void handler(req, res));
    return server;
  });
  atEnd(async () => {
    server?.closeAllConnections();
    await ignitor.terminate();
  });
  const address = server?.address() as AddressInfo;
  return address.port;
}
