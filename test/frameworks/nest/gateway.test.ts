import { setTimeout as sleep } from "node:timers/promises";
import { NestFactory } from "@nestjs/core";
import { Transport } from "@nestjs/microservices";
import { IoAdapter } from "@nestjs/platform-socket.io";
import { WebSocketGateway } from "@nestjs/websockets";
import { tenantAdapter, type TenancyModuleOptions } from "partywall/frameworks/nest";
import { subdomain } from "partywall/resolvers";
import { io, type Socket } from "socket.io-client";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { freePort } from "../../support/free-port.js";
import { threeTenants, where } from "../instance.js";
import { moduleOf } from "./application.js";
import { members, served } from "./gateways.js";
import { byHeader, started } from "./tenancy.js";

beforeEach(() => members.clear());

/** A gateway of Socket.IO, and what opens connections to it. */
async function gateway(options: Parameters<typeof served>[1] = {}) {
  const host = await served(
    (app) => app.useWebSocketAdapter(tenantAdapter(app, new IoAdapter(app))),
    options,
  );
  const open = (tenant: string, user = "ada") => {
    const socket = io(`http://127.0.0.1:${host.port}/${options.namespace ?? ""}`, {
      extraHeaders: { "x-tenant": tenant, "x-user": user },
      transports: ["websocket"],
      reconnection: false,
    });
    onTestFinished(() => void socket.disconnect());
    return socket;
  };
  const connect = async (tenant: string, user?: string) => {
    const socket = open(tenant, user);
    const heard: unknown[] = [];
    socket.on("said", (text) => heard.push(text));
    await new Promise((connected, failed) => {
      socket.once("connect", () => connected(undefined));
      socket.once("connect_error", failed);
    });
    return Object.assign(socket, { heard });
  };
  return { ...host, open, connect };
}

/** The answer to an event, or what the client was told instead. */
function ask(socket: Socket, event: string, data?: unknown): Promise<unknown> {
  return new Promise((answered) => {
    socket.once("exception", answered);
    socket.once("answer", answered);
    socket.emit(event, data);
  });
}

async function disconnected(socket: Socket): Promise<void> {
  await expect.poll(() => socket.connected).toBe(false);
}

describe("nest: gateways of Socket.IO", () => {
  it("run each event in the tenant of its connection, guards and hooks among them", async () => {
    const { connect, watch } = await gateway();
    const [ours, theirs] = [await connect("acme"), await connect("globex", "bob")];
    const answers: string[][] = [[], []];
    for (const [n, socket] of [ours, theirs].entries())
      socket.on("answer", (answer) => answers[n]?.push(answer));
    for (let n = 0; n < 20; n += 1) (n % 2 === 0 ? ours : theirs).emit("where", n);
    await expect.poll(() => answers.flat()).toHaveLength(20);
    for (const answer of answers[0] ?? []) expect(answer).toMatch(/^\d+ acme acme ada$/);
    for (const answer of answers[1] ?? []) expect(answer).toMatch(/^\d+ globex globex bob$/);
    ours.disconnect();
    theirs.disconnect();
    await expect.poll(() => watch.seen).toContain("disconnect globex");
    expect(watch.seen).toContain("disconnect acme");
    expect(new Set(watch.seen.map((line) => line.split(" ")[0]))).toEqual(
      new Set(["connection", "guard", "interceptor", "handler", "finalize", "disconnect"]),
    );
    expect(watch.seen.filter((line) => !/ (acme|globex)$/.test(line))).toEqual([]);
    await expect.poll(() => watch.open).toBe(0);
  });

  it.each([undefined, "goals"])(
    "keep rooms and server.emit to the tenant (namespace %s)",
    async (namespace) => {
      const {
        connect,
        body,
        gateway: instance,
        pw,
      } = await gateway(namespace === undefined ? {} : { namespace });
      const [ours, also, theirs] = [
        await connect("acme"),
        await connect("acme", "eve"),
        await connect("globex"),
      ];
      ours.emit("everybody", "one");
      ours.emit("room", "two");
      await expect.poll(() => also.heard).toEqual(["one", "two", "two of another"]);
      expect(ours.heard).toEqual(["one", "two"]);
      await body("/announce/three");
      await expect.poll(() => ours.heard).toHaveLength(4);
      expect(ours.heard.slice(2)).toEqual(["three", "three to a room"]);
      theirs.emit("room", "four");
      await expect.poll(() => theirs.heard).toEqual(["four"]);
      expect(ours.heard).toHaveLength(4);
      expect(where(pw)).toBe("PW_NO_SCOPE");
      expect(() => instance.server.emit("said", "all")).toThrow(
        expect.objectContaining({ code: "PW_NO_SCOPE" }),
      );
    },
  );

  it("keep the scope to the last of several answers, and until the client has gone", async () => {
    const { connect, watch } = await gateway();
    const socket = await connect("acme");
    const answers: unknown[] = [];
    socket.on("answer", (answer) => answers.push(answer));
    socket.emit("many");
    await expect.poll(() => answers).toEqual(["0 acme", "1 acme", "2 acme"]);
    await expect.poll(() => watch.open).toBe(0);
    socket.emit("endless");
    await expect.poll(() => answers).toContain("acme");
    expect(watch.open).toBe(1);
    socket.disconnect();
    await expect.poll(() => watch.seen).toContain("given up acme");
    await expect.poll(() => watch.open).toBe(0);
  });

  it("cut off whose membership or tenant has ended, before the handler of the next event", async () => {
    const { connect, pw, watch } = await gateway();
    const [ada, bob] = [await connect("acme", "ada"), await connect("acme", "bob")];
    members.set("ada", []);
    ada.emit("where", 1);
    await disconnected(ada);
    expect(await ask(bob, "where", 2)).toBe("2 acme acme bob");
    await pw.tenants.suspend("t-acme");
    // Without an event of its own.
    await disconnected(bob);
    expect(watch.seen.filter((line) => line.startsWith("handler"))).toEqual(["handler acme"]);
  });

  it("evict whom they are told to, in a tenant's scope only its own", async () => {
    const { connect, body, live, pw } = await gateway();
    const [ours, theirs] = [await connect("acme"), await connect("globex")];
    // Both are named ada; the route runs as Acme.
    await body("/evict/ada");
    await disconnected(ours);
    expect(await ask(theirs, "where", 1)).toBe("1 globex globex ada");
    await expect(pw.run("t-acme", () => live.evict({ tenant: "t-globex" }))).rejects.toMatchObject({
      code: "PW_SCOPE_SWITCH",
    });
    await live.evict({ tenant: "t-globex" });
    await disconnected(theirs);
  });

  it("end what a handler still sends to whom they evict", async () => {
    const { connect, live, watch } = await gateway();
    const socket = await connect("acme");
    socket.emit("endless");
    await expect.poll(() => watch.seen).toContain("handler acme");
    await live.evict({ tenant: "t-acme" });
    await disconnected(socket);
    await expect.poll(() => watch.seen).toContain("given up acme");
    await expect.poll(() => watch.open).toBe(0);
  });

  it("hear what a client sent before it left, then that it left, and leave no scope open", async () => {
    let verdict: Promise<boolean> | true = true;
    let admit: (yes: boolean) => void = () => undefined;
    const { connect, watch } = await gateway({ gateways: { authorize: () => verdict } });
    const socket = await connect("acme");
    await expect.poll(() => watch.open).toBe(0);
    verdict = new Promise((decided) => {
      admit = decided;
    });
    socket.emit("endless");
    await sleep(20);
    socket.disconnect();
    await sleep(20);
    expect(watch.seen).toEqual(["connection acme"]);
    admit(true);
    await expect.poll(() => watch.seen).toContain("disconnect acme");
    expect(watch.seen.indexOf("handler acme")).toBeLessThan(watch.seen.indexOf("disconnect acme"));
    expect(watch.seen).toContain("given up acme");
    await expect.poll(() => watch.open).toBe(0);
  });

  it("cut off whoever cannot be decided upon, and tell the application why", async () => {
    const errors: unknown[] = [];
    let fails = false;
    const { connect, watch } = await gateway({
      gateways: {
        authorize: () => {
          if (fails) throw new Error("the members' table is locked");
          return true;
        },
        onError: (error) => void errors.push(error),
      },
    });
    const socket = await connect("acme");
    fails = true;
    socket.emit("where", 1);
    await disconnected(socket);
    expect(errors).toEqual([new Error("the members' table is locked")]);
    expect(watch.seen).not.toContain("handler acme");
  });

  it("tell an unknown tenant, a forbidden and a suspended one apart to nobody outside", async () => {
    members.set("ada", []);
    const { open, watch } = await gateway();
    const answers: unknown[] = [];
    for (const tenant of ["nobody", "acme", "umbra"])
      answers.push(
        // oxlint-disable-next-line no-await-in-loop -- each by itself
        await new Promise((refused) => {
          open(tenant).once("connect_error", (error: Error & { data?: unknown }) =>
            refused([error.message, error.data]),
          );
        }),
      );
    expect(answers[0]).toMatchObject([/./, { code: "PW_TENANT_UNKNOWN" }]);
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[2]).toEqual(answers[0]);
    expect(watch.seen).toEqual([]);
  });

  it("say nothing of what a handler throws, as Nest does", async () => {
    const { connect } = await gateway();
    const answer = await ask(await connect("acme"), "fails");
    expect(answer).toMatchObject({ status: "error", message: "Internal server error" });
  });

  it("refuse an event that is marked as central", async () => {
    const { connect, watch } = await gateway();
    expect(await ask(await connect("acme"), "central")).toMatchObject({ status: "error" });
    expect(watch.seen).not.toContain("handler acme");
  });
});

describe("nest: gateways that are not behind the boundary", () => {
  it("do not start", async () => {
    await expect(
      served((app) => app.useWebSocketAdapter(new IoAdapter(app))),
    ).rejects.toMatchObject({
      code: "PW_CONFIG",
      message: expect.stringContaining("Gateway is served outside the tenant boundary"),
    });
    await expect(served(() => undefined)).rejects.toMatchObject({ code: "PW_CONFIG" });
  });

  it("do not start where an adapter that was wired is not the one in use", async () => {
    await expect(
      served((app) => {
        tenantAdapter(app, new IoAdapter(app));
        app.useWebSocketAdapter(new IoAdapter(app));
      }),
    ).rejects.toMatchObject({ code: "PW_CONFIG" });
  });

  it("do not start where it was not said who may connect", async () => {
    const pw = await threeTenants();
    @WebSocketGateway()
    class Gateway {}
    const wired = (options: Partial<TenancyModuleOptions>) =>
      started({ imports: [byHeader(pw, options)], providers: [Gateway] }, "Express", (app) =>
        app.useWebSocketAdapter(tenantAdapter(app, new IoAdapter(app))),
      );
    for (const options of [
      {},
      { gateways: {} },
      { resolve: subdomain("example.com"), gateways: {} },
    ])
      // oxlint-disable-next-line no-await-in-loop -- each by itself
      await expect(wired(options)).rejects.toMatchObject({
        code: "PW_CONFIG",
        message: expect.stringContaining("Give it gateways: { principal, authorize }"),
      });
  });

  it("do not start in a microservice", async () => {
    @WebSocketGateway(await freePort())
    class Gateway {}
    const app = await NestFactory.createMicroservice(
      moduleOf({ imports: [byHeader(await threeTenants())], providers: [Gateway] }),
      { transport: Transport.TCP, options: { host: "127.0.0.1", port: 0 }, logger: false },
    );
    onTestFinished(() => app.close());
    await expect(app.listen()).rejects.toMatchObject({ code: "PW_CONFIG" });
  });

  it("are no hindrance to a script of the same application, which serves none", async () => {
    @WebSocketGateway()
    class Gateway {}
    const app = await NestFactory.createApplicationContext(
      moduleOf({ imports: [byHeader(await threeTenants())], providers: [Gateway] }),
      { logger: false, abortOnError: false },
    );
    expect(app.get(Gateway)).toBeInstanceOf(Gateway);
    await app.close();
  });

  it("are no hindrance where there are none", async () => {
    const { body } = await started({ imports: [byHeader(await threeTenants())] });
    expect(await body("/")).toContain("404");
  });
});
