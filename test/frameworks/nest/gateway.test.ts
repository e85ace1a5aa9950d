import { setTimeout as sleep } from "node:timers/promises";
import {
  UseGuards,
  UseInterceptors,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
} from "@nestjs/common";
import { IoAdapter } from "@nestjs/platform-socket.io";
import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
} from "@nestjs/websockets";
import { Central, CurrentTenant, type TenancyModuleOptions } from "partywall/frameworks/nest";
import { finalize, interval, map, take } from "rxjs";
import { io, type Socket } from "socket.io-client";
import { describe, expect, it, onTestFinished } from "vitest";
import { threeTenants, watched, where } from "../instance.js";
import { byHeader, started } from "./tenancy.js";

/** What hooks are given of an event: the client, on which a guard leaves who is acting. */
const clientOf = (context: ExecutionContext) => context.switchToWs().getClient();

async function gateway(more: Partial<TenancyModuleOptions> = {}) {
  const pw = await threeTenants();
  const [seen, left]: [string[], string[]] = [[], []];
  class AuthGuard implements CanActivate {
    canActivate(context: ExecutionContext) {
      clientOf(context).data.user = clientOf(context).handshake.auth.user;
      seen.push(`guard ${where(pw)}`);
      return true;
    }
  }
  @WebSocketGateway()
  @UseGuards(AuthGuard)
  @UseInterceptors({
    intercept: (_: ExecutionContext, next: CallHandler) =>
      next.handle().pipe(map((value: unknown) => `${String(value)} ${where(pw)}`)),
  })
  class Gateway {
    handleConnection() {
      seen.push(`connection ${where(pw)}`);
    }
    @SubscribeMessage("where")
    async where(
      @ConnectedSocket() _client: unknown,
      @MessageBody() body: string,
      @CurrentTenant("slug") slug: string,
    ) {
      await sleep(Math.random() * 5);
      seen.push(`handler ${where(pw)}`);
      return `${body} ${slug} ${where(pw)} ${String(pw.principal())}`;
    }
    @SubscribeMessage("many")
    many() {
      return interval(2).pipe(
        take(3),
        map(() => where(pw)),
      );
    }
    @SubscribeMessage("endless")
    endless() {
      return interval(2).pipe(
        map(() => where(pw)),
        finalize(() => seen.push(`given up ${where(pw)}`)),
      );
    }
    @SubscribeMessage("central")
    @Central()
    central() {
      return where(pw);
    }
    @SubscribeMessage("fails")
    fails() {
      throw new Error("secret");
    }
  }
  const { port } = await started(
    {
      imports: [
        byHeader(pw, {
          pw: { ...pw, ...watched(pw, (id) => left.push(id)) },
          principal: (context) => clientOf(context).data.user,
          ...more,
        }),
      ],
      providers: [Gateway],
    },
    "Express",
    (app) => app.useWebSocketAdapter(new IoAdapter(app)),
  );
  const connect = async (tenant: string, auth = {}) => {
    const socket = io(`http://127.0.0.1:${port}`, {
      extraHeaders: { "x-tenant": tenant },
      auth,
      transports: ["websocket"],
      reconnection: false,
    });
    onTestFinished(() => void socket.disconnect());
    await new Promise((connected) => socket.once("connect", () => connected(undefined)));
    return socket;
  };
  return { pw, seen, left, connect };
}

/** The answer to an event, or what the client was told instead. */
function ask(socket: Socket, event: string, data?: unknown): Promise<unknown> {
  return new Promise((answered) => {
    socket.once("exception", answered);
    socket.emit(event, data, answered);
  });
}

describe("nest: gateways", () => {
  it("run each event in the tenant of its connection", async () => {
    const { connect, left, seen } = await gateway();
    const [ours, theirs] = [await connect("acme", { user: "ada" }), await connect("globex")];
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => ask(n % 2 === 0 ? ours : theirs, "where", n)),
    );
    for (const [n, answer] of answers.entries())
      expect(answer).toBe(
        n % 2 === 0 ? `${n} acme acme ada acme` : `${n} globex globex undefined globex`,
      );
    expect(await ask(ours, "central")).toBe("PW_CENTRAL_SCOPE PW_CENTRAL_SCOPE");
    await expect.poll(() => left.length).toBe(20);
    expect(seen.filter((line) => line.startsWith("connection"))).toEqual(
      Array.from({ length: 2 }, () => "connection PW_NO_SCOPE"),
    );
    expect(seen).not.toContain("guard acme");
  });

  it("keep the scope to the last of several answers, and until the client has gone", async () => {
    const { connect, left, seen } = await gateway();
    const socket = await connect("acme");
    const answers: unknown[] = [];
    socket.emit("many", "", (answer: unknown) => answers.push(answer));
    await expect.poll(() => left).toEqual(["t-acme"]);
    expect(answers).toContain("acme acme");
    socket.emit("endless", "");
    await sleep(30);
    expect(left).toEqual(["t-acme"]);
    socket.disconnect();
    await expect.poll(() => left).toEqual(["t-acme", "t-acme"]);
    expect(seen).toContain("given up acme");
  });

  it("decide anew about each event", async () => {
    let members = true;
    const { pw, connect, seen } = await gateway({ authorize: () => members });
    const socket = await connect("acme");
    expect(await ask(socket, "where", 1)).toBe("1 acme acme undefined acme");
    members = false;
    const forbidden = await ask(socket, "where", 2);
    expect(forbidden).toMatchObject({ status: "error", code: "PW_TENANT_UNKNOWN" });
    members = true;
    await pw.tenants.suspend("t-acme");
    expect(await ask(socket, "where", 3)).toMatchObject({ code: "PW_TENANT_SUSPENDED" });
    expect(seen.filter((line) => line.startsWith("handler"))).toEqual(["handler acme"]);
  });

  it("do not run an event whose client went away while it was decided upon", async () => {
    const asked: { admit: (yes: boolean) => void; fail: (error: Error) => void }[] = [];
    const late: unknown[] = [];
    const { connect, seen, left } = await gateway({
      authorize: () => new Promise<boolean>((admit, fail) => void asked.push({ admit, fail })),
      onLateError: (error) => void late.push(error),
    });
    const socket = await connect("acme");
    socket.emit("where", 1);
    socket.emit("where", 2);
    await expect.poll(() => asked).toHaveLength(2);
    socket.disconnect();
    await sleep(50);
    asked[0]?.admit(true);
    asked[1]?.fail(new Error("too late"));
    await expect.poll(() => left).toEqual(["t-acme"]);
    await expect.poll(() => late).toEqual([new Error("too late")]);
    expect(seen).not.toContain("handler acme");
  });

  it("tell an unknown tenant, a forbidden and a suspended one apart to nobody outside", async () => {
    const { connect } = await gateway({ authorize: () => false });
    const answers: unknown[] = [];
    for (const tenant of ["nobody", "acme", "umbra"])
      // oxlint-disable-next-line no-await-in-loop -- each by itself
      answers.push(await ask(await connect(tenant), "where", 1));
    expect(answers[0]).toMatchObject({ code: "PW_TENANT_UNKNOWN" });
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[2]).toEqual(answers[0]);
  });

  it("say nothing of what a handler throws, as Nest does", async () => {
    const { connect } = await gateway();
    const answer = await ask(await connect("acme"), "fails");
    expect(answer).toMatchObject({ status: "error", message: "Internal server error" });
  });
});
