import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { createPartywall } from "partywall";
import { guardMongo } from "partywall/guards/mongodb";
import { expect, test } from "vitest";
import { startMongoListener } from "../../../support/mongo-listener.js";
import { DRIVERS } from "../drivers.js";

/** What clients say first to a server that hangs up. */
async function greetings(use: (url: string) => Promise<unknown>): Promise<string[]> {
  const heard: string[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", (bytes) => {
      heard.push(bytes.toString("latin1"));
      socket.destroy();
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  const url = `mongodb://127.0.0.1:${port}/shop?serverSelectionTimeoutMS=100`;
  // It gives up soon, since nobody answers; on a busy machine before it has said anything.
  while (heard.length === 0) await use(url).catch(() => undefined);
  await new Promise<void>((closed) => server.close(() => closed()));
  return heard;
}

for (const [name, driver] of DRIVERS) {
  test(`every client of a guard of ${name} says so to the server, and no other does`, async () => {
    const near = await startMongoListener();
    const instance = (app: string, eu: string) =>
      createPartywall({
        realm: `names-${Math.random()}`,
        mongodb: guardMongo(driver, { app, servers: { eu: { app: eu, system: eu } } }),
      });
    const ping = (pw: ReturnType<typeof instance>) => () =>
      pw.mongodb.client.db().command({ ping: 1 });
    const clients = {
      "the application's": async (url: string) => {
        const pw = instance(url, url);
        try {
          await pw.central(ping(pw));
        } finally {
          await pw.close();
        }
      },
      "one of the guard's own": async (url: string) => {
        const pw = instance(`${near.url}shop`, url);
        const system = { reason: "a test", server: "eu" };
        try {
          await pw.system(system, ping(pw));
        } finally {
          await pw.close();
        }
      },
    };
    for (const use of Object.values(clients)) {
      const said = await greetings(use);
      for (const text of said) expect(text).toContain("nodejs|partywall");
    }
    const bare = await greetings(async (url) => {
      const client = new driver.MongoClient(url);
      try {
        await client.connect();
      } finally {
        await client.close();
      }
    });
    for (const text of bare) expect(text).not.toContain("partywall");
    await near.close();
  });
}
