import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Ignitor } from "@adonisjs/core";
import { rc } from "./adonisrc.js";
import { config } from "./config.js";
import { folder, stop } from "./start/partywall.js";

const ignitor = new Ignitor(new URL("./", import.meta.url)).tap((app) => {
  app.rcContents(rc);
  app.useConfig(config);
});

let stopping = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    if (stopping) return;
    stopping = true;
    server?.closeAllConnections();
    void ignitor
      .terminate()
      .then(stop)
      .then(() => process.exit(0));
  });
}

// Or AdonisJS writes the types of the routes beside the sources.
process.env["NODE_ENV"] ??= "production";
// AdonisJS listens where these say.
process.env["HOST"] ??= "127.0.0.1";
process.env["PORT"] ??= "0";
let server: Server | undefined;
await ignitor.httpServer().start((handler) => {
  server = createServer((req, res) => void handler(req, res));
  return server;
});

// As `node ace goals:count --all` does in a process of its own.
const ace = await ignitor.getApp()?.container.make("ace");
const { default: CountGoals } = await import("./commands/count_goals.js");
const count = await ace?.create(CountGoals, ["--all"]);
await count?.exec();

const address = server?.address() as AddressInfo;
const at = (slug: string, path: string) => `http://${slug}.localhost:${address.port}${path}`;
console.log(`
# One tenant's goals
curl -H 'x-user: ada' '${at("acme", "/goals")}'
# The other one's
curl -H 'x-user: grace' '${at("globex", "/goals")}'
# A goal of Ada's
curl -H 'x-user: ada' -H 'content-type: application/json' -d '{"title":"learn"}' '${at("acme", "/goals")}'
# SQL injected
curl -G -H 'x-user: ada' --data-urlencode "q=' or true --" '${at("acme", "/search")}'

The database is in ${folder}; Ctrl-C stops it, and it is gone.`);
