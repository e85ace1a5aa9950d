import { once } from "node:events";
import { WsAdapter } from "@nestjs/platform-ws";
import { tenantAdapter } from "partywall/frameworks/nest";
import { WebSocketGateway } from "@nestjs/websockets";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { freePort } from "../../support/free-port.js";
import { threeTenants, where } from "../instance.js";
import { members, served } from "./gateways.js";
import { byHeader, started } from "./tenancy.js";

beforeEach(() => members.clear());

/** A gateway of ws, and what opens connections to it. */
async function gateway(options: Parameters<typeof served>[1] = {}) {
  const host = await served(
    (app) => app.useWebSocketAdapter(tenantAdapter(app, new WsAdapter(app))),
    options,
  );
  const open = (tenant: string, user = "ada") => {
    const socket = new WebSocket(`ws://127.0.0.1:${host.port}`, {
      headers: { "x-tenant": tenant, "x-user": user },
    });
    onTestFinished(() => socket.terminate());
    return socket;
  };
  const connect = async (tenant: string, user?: string) => {
    const socket = open(tenant, user);
    const heard: { event: string; data: unknown }[] = [];
    socket.on("message", (text: Buffer) => heard.push(JSON.parse(text.toString())));
    await once(socket, "open");
    return Object.assign(socket, { heard, say: say(socket) });
  };
  return { ...host, open, connect };
}

const say = (socket: WebSocket) => (event: string, data?: unknown) =>
  socket.send(JSON.stringify({ event, data }));

async function closed(socket: WebSocket): Promise<void> {
  await expect.poll(() => socket.readyState).toBe(WebSocket.CLOSED);
}

describe("nest: gateways of ws", () => {
  it("run each event in the tenant of its connection, guards and hooks among them", async () => {
    const { connect, watch } = await gateway();
    const [ours, theirs] = [await connect("acme"), await connect("globex", "bob")];
    for (let n = 0; n < 20; n += 1) (n % 2 === 0 ? ours : theirs).say("where", n);
    await expect.poll(() => [...ours.heard, ...theirs.heard]).toHaveLength(20);
    for (const { data } of ours.heard) expect(data).toMatch(/^\d+ acme acme ada$/);
    for (const { data } of theirs.heard) expect(data).toMatch(/^\d+ globex globex bob$/);
    ours.close();
    theirs.close();
    await expect.poll(() => watch.seen).toContain("disconnect globex");
    await expect.poll(() => watch.seen).toContain("disconnect acme");
    expect(watch.seen.filter((line) => !/ (acme|globex)$/.test(line))).toEqual([]);
    await expect.poll(() => watch.open).toBe(0);
  });

  it("show a tenant's scope its own clients only, and let it send to no other", async () => {
    const { connect, gateway: instance, pw } = await gateway();
    const [ours, theirs] = [await connect("acme"), await connect("globex")];
    const { clients } = instance.server as unknown as { clients: Set<WebSocket> };
    const everybody = [...clients];
    expect(everybody).toHaveLength(2);
    await pw.run("t-acme", () => {
      for (const client of clients) client.send(JSON.stringify({ event: "said", data: where(pw) }));
    });
    await expect.poll(() => ours.heard).toEqual([{ event: "said", data: "acme" }]);
    const refused = await pw.run("t-acme", () =>
      everybody.map((client) => {
        try {
          client.send("{}");
          return "sent";
        } catch (error) {
          return (error as { code: string }).code;
        }
      }),
    );
    expect(refused.toSorted()).toEqual(["PW_SCOPE_SWITCH", "sent"]);
    expect(theirs.heard).toEqual([]);
  });

  it("give up what is still answered when the client has gone", async () => {
    const { connect, watch } = await gateway();
    const socket = await connect("acme");
    socket.say("endless");
    await expect.poll(() => socket.heard).toContainEqual({ event: "answer", data: "acme" });
    expect(watch.open).toBe(1);
    socket.terminate();
    await expect.poll(() => watch.seen).toContain("given up acme");
    await expect.poll(() => watch.open).toBe(0);
  });

  it("cut off whose membership or tenant has ended, before the handler of the next event", async () => {
    const { connect, pw, watch } = await gateway();
    const [ada, bob] = [await connect("acme", "ada"), await connect("acme", "bob")];
    members.set("ada", []);
    ada.say("where", 1);
    await closed(ada);
    await pw.tenants.suspend("t-acme");
    // Without an event of its own.
    await closed(bob);
    expect(watch.seen).not.toContain("handler acme");
  });

  it("evict whom they are told to", async () => {
    const { connect, body } = await gateway();
    const [ours, theirs] = [await connect("acme"), await connect("globex")];
    await body("/evict/ada");
    await closed(ours);
    expect(theirs.readyState).toBe(WebSocket.OPEN);
  });

  it("tell an unknown tenant, a forbidden and a suspended one apart to nobody outside", async () => {
    members.set("ada", []);
    const { open, watch } = await gateway();
    const answers: unknown[] = [];
    for (const tenant of ["nobody", "acme", "umbra"])
      // oxlint-disable-next-line no-await-in-loop -- each by itself
      answers.push(await refusal(open(tenant)));
    expect(answers[0]).toEqual([404, expect.stringContaining("PW_TENANT_UNKNOWN")]);
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[2]).toEqual(answers[0]);
    expect(watch.seen).toEqual([]);
  });
});

describe("nest: gateways of ws that are not behind the boundary", () => {
  it("do not start", async () => {
    await expect(
      served((app) => app.useWebSocketAdapter(new WsAdapter(app))),
    ).rejects.toMatchObject({ code: "PW_CONFIG" });
  });

  it("do not start where a server accepts connections by itself", async () => {
    @WebSocketGateway(await freePort())
    class Gateway {}
    await expect(
      started(
        {
          imports: [byHeader(await threeTenants(), { gateways: { authorize: () => true } })],
          providers: [Gateway],
        },
        "Express",
        (app) => {
          const adapter = new WsAdapter(app);
          const create = adapter.create.bind(adapter);
          adapter.create = (port, options) => {
            const server = create(port, options);
            onTestFinished(() => server.close());
            return server;
          };
          app.useWebSocketAdapter(tenantAdapter(app, adapter));
        },
      ),
    ).rejects.toMatchObject({
      code: "PW_CONFIG",
      message: expect.stringContaining("Give @WebSocketGateway() a path"),
    });
  });

  it("do not start by an adapter that is not known", async () => {
    await expect(
      served((app) => {
        const adapter = new WsAdapter(app);
        adapter.create = () => ({ on: () => undefined }) as never;
        app.useWebSocketAdapter(tenantAdapter(app, adapter));
      }),
    ).rejects.toMatchObject({
      code: "PW_CONFIG",
      message: expect.stringContaining("Use IoAdapter or WsAdapter"),
    });
  });
});

/** The answer to an upgrade. */
function refusal(socket: WebSocket): Promise<[number, string]> {
  socket.on("error", () => undefined);
  return new Promise((answered) => {
    socket.on("unexpected-response", (_request, response) => {
      let body = "";
      response.on("data", (part: Buffer) => {
        body += part.toString();
      });
      response.on("end", () => answered([Number(response.statusCode), body]));
    });
  });
}
