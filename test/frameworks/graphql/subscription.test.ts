import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { parse, subscribe, type ExecutionResult } from "graphql";
import { tenancy } from "partywall/frameworks/ws";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { buildWorld, type World } from "../../guards/postgres/world.js";
import { describeEngine } from "../../support/engine.js";
import { admission } from "./hosts.js";
import { ordersSchema } from "./schema.js";

describeEngine("postgres", "GraphQL subscriptions over ws", () => {
  let world: World;
  beforeAll(async () => {
    world = await buildWorld();
  });
  afterAll(() => world.close());

  const application = async () => {
    const orders = ordersSchema(world);
    const wss = new WebSocketServer({ noServer: true });
    const live = tenancy(world.pw, wss, {
      ...admission,
      principal: (req) => req.headers["x-user"],
    });
    const answer = async (socket: WebSocket, query: string) => {
      const results = (await subscribe({
        schema: orders.schema,
        document: parse(query),
        contextValue: orders.contextOf(),
      })) as AsyncGenerator<ExecutionResult, void>;
      socket.once("close", () => void results.return());
      for await (const result of results) {
        if (socket.readyState !== WebSocket.OPEN) break;
        socket.send(JSON.stringify(result));
      }
    };
    wss.on("connection", (socket) => {
      socket.on("message", (data: Buffer) => void answer(socket, data.toString()));
    });
    const server = createServer().on("upgrade", live.handleUpgrade).listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => {
      for (const client of wss.clients) client.terminate();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const open = async (tenant: string, user = "ada") => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}`, {
        headers: { "x-tenant": tenant, "x-user": user },
      });
      onTestFinished(() => socket.terminate());
      const heard: string[] = [];
      socket.on("message", (data: Buffer) => {
        heard.push(JSON.parse(data.toString()).data.orders.note);
      });
      await once(socket, "open");
      return { socket, heard };
    };
    return { ...orders, open };
  };

  it("iterate in the tenant of their connection, and end there when the client has gone", async () => {
    const { open, seen } = await application();
    const turns = ["a", "b", "a", "b"];
    const connections = await Promise.all(turns.map((tenant) => open(tenant)));
    for (const { socket } of connections) socket.send("subscription { orders { note } }");
    await expect.poll(() => connections.every(({ heard }) => heard.length > 20)).toBe(true);
    for (const { socket } of connections) socket.close();
    await expect
      .poll(() => seen.toSorted())
      .toEqual(turns.flatMap((tenant) => [`context ${tenant}`, `ended ${tenant}`]).toSorted());
    expect(connections.map(({ heard }) => new Set(heard))).toEqual(
      turns.map((tenant) => new Set([1, 2, 3].map((id) => `${tenant}${id} ${tenant}`))),
    );
  });

  it("are not opened for whom the tenant does not let in", async () => {
    const { open, seen } = await application();
    await expect(open("a", "eve")).rejects.toThrow("404");
    expect(seen).toEqual([]);
  });
});
