import { randomUUID } from "node:crypto";
import { Controller, Get, Inject, Injectable, Scope, type Type } from "@nestjs/common";
import {
  ContextIdFactory,
  LazyModuleLoader,
  ModuleRef,
  type ContextId,
  type ContextIdStrategy,
} from "@nestjs/core";
import { IoAdapter } from "@nestjs/platform-socket.io";
import { SubscribeMessage, WebSocketGateway } from "@nestjs/websockets";
import type { Partywall } from "partywall";
import { InjectPartywall, PARTYWALL, tenantAdapter } from "partywall/frameworks/nest";
import type { Socket as ServerSocket } from "socket.io";
import { io } from "socket.io-client";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import { threeTenants, where } from "../instance.js";
import { PLATFORMS, moduleOf } from "./application.js";
import { acme, byHeader, started } from "./tenancy.js";

const globex = { "x-tenant": "globex" };

/** One tree of durable providers for each value of a header, as Nest's documentation has it. */
class ByHeader implements ContextIdStrategy {
  readonly #trees = new Map<string, ContextId>();
  constructor(private readonly header: string) {}

  attach(contextId: ContextId, request: { headers?: Record<string, string> }) {
    const key = request.headers?.[this.header] ?? "";
    const tree = this.#trees.get(key) ?? ContextIdFactory.create();
    this.#trees.set(key, tree);
    return {
      resolve: ({ isTreeDurable }: { isTreeDurable?: boolean }) =>
        isTreeDurable === true ? tree : contextId,
      payload: { key },
    };
  }
}

afterEach(() => ContextIdFactory.apply(undefined as never));

describe.each(Object.keys(PLATFORMS) as (keyof typeof PLATFORMS)[])("nest on %s", (platform) => {
  /** What a provider of a scope answers: who made it and where it is asked. */
  async function answering(scope: Scope, durable: boolean) {
    const pw = await threeTenants();
    @Injectable({ scope, durable })
    class Counter {
      readonly #id = randomUUID();
      readonly #made = where(pw);
      tell() {
        return [this.#id, this.#made, where(pw)].join(" ");
      }
    }
    @Controller()
    class Show {
      constructor(@Inject(Counter) private readonly counter: Counter) {}
      @Get()
      async show() {
        await new Promise((turn) => void setImmediate(turn));
        return this.counter.tell();
      }
    }
    const { body } = await started(
      { imports: [byHeader(pw)], controllers: [Show], providers: [Counter] },
      platform,
    );
    return async (headers: Record<string, string>) => (await body("/", headers)).split(" ");
  }

  it("asks one singleton in every tenant", async () => {
    const ask = await answering(Scope.DEFAULT, false);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => ask(n % 2 === 0 ? acme : globex)),
    );
    expect(new Set(answers.map(([id]) => id)).size).toBe(1);
    for (const [n, [, made, asked]] of answers.entries())
      expect([made, asked]).toEqual(["PW_NO_SCOPE", n % 2 === 0 ? "acme" : "globex"]);
  });

  it("makes request-scoped providers before it lets anybody in, and asks them in the tenant", async () => {
    const ask = await answering(Scope.REQUEST, false);
    const [one, other] = [await ask(acme), await ask(acme)];
    expect(one[0]).not.toBe(other[0]);
    expect(one.slice(1)).toEqual(["PW_NO_SCOPE", "acme"]);
  });

  it("keeps a tree of durable providers for each tenant", async () => {
    ContextIdFactory.apply(new ByHeader("x-tenant"));
    const ask = await answering(Scope.REQUEST, true);
    const [a, b, again] = [await ask(acme), await ask(globex), await ask(acme)];
    expect(again).toEqual(a);
    expect(b[0]).not.toBe(a[0]);
    expect([a[2], b[2]]).toEqual(["acme", "globex"]);
  });

  it("calls no handler whose durable providers have served another tenant", async () => {
    ContextIdFactory.apply(new ByHeader("x-shard"));
    const ask = await answering(Scope.REQUEST, true);
    const shard = { "x-shard": "one" };
    const [id] = await ask({ ...acme, ...shard });
    const refused = (await ask({ ...globex, ...shard })).join(" ");
    expect(refused).toContain("500");
    expect(refused).not.toContain(id);
    expect((await ask({ ...acme, ...shard }))[0]).toBe(id);
    expect((await ask({ ...globex, "x-shard": "two" }))[2]).toBe("globex");
  });

  it("gives modules that are loaded lazily the instance and the tenant", async () => {
    const pw = await threeTenants();
    @Injectable()
    class Reports {
      constructor(@InjectPartywall() private readonly own: Partywall) {}
      tell() {
        return `${where(this.own)} ${this.own.tenants === pw.tenants}`;
      }
    }
    @Controller()
    class Show {
      constructor(
        @Inject(LazyModuleLoader) private readonly loader: LazyModuleLoader,
        @Inject(ModuleRef) private readonly own: ModuleRef,
      ) {}
      @Get()
      async show() {
        const module = await this.loader.load(() => LAZY);
        const given = this.own.get<Partywall>(PARTYWALL, { strict: false });
        return `${module.get(Reports).tell()} ${where(given)}`;
      }
    }
    const LAZY: Type = moduleOf({ providers: [Reports] });
    const { body } = await started({ imports: [byHeader(pw)], controllers: [Show] }, platform);
    expect(await Promise.all([body("/"), body("/", globex), body("/")])).toEqual([
      "acme true acme",
      "globex true globex",
      "acme true acme",
    ]);
  });
});

it("nest: hears no event whose durable providers have served another tenant", async () => {
  const pw = await threeTenants();
  class ByShard extends ByHeader {
    override attach(contextId: ContextId, client: object) {
      const { headers } = (client as Partial<ServerSocket>).handshake ?? {};
      return super.attach(contextId, { headers: headers as Record<string, string> });
    }
  }
  ContextIdFactory.apply(new ByShard("x-shard"));
  @Injectable({ scope: Scope.REQUEST, durable: true })
  class State {
    readonly id = randomUUID();
  }
  @WebSocketGateway()
  class Gateway {
    constructor(@Inject(State) private readonly state: State) {}
    @SubscribeMessage("tell")
    tell() {
      return { event: "told", data: this.state.id };
    }
  }
  const { port } = await started(
    {
      imports: [byHeader(pw, { gateways: { authorize: () => true } })],
      providers: [State, Gateway],
    },
    "Express",
    (app) => app.useWebSocketAdapter(tenantAdapter(app, new IoAdapter(app))),
  );
  const told = (extraHeaders: Record<string, string>) => {
    const socket = io(`http://127.0.0.1:${port}`, { extraHeaders, reconnection: false });
    onTestFinished(() => void socket.disconnect());
    socket.emit("tell");
    return new Promise((heard) => {
      socket.once("told", heard);
      socket.once("exception", heard);
    });
  };
  const id = await told({ ...acme, "x-shard": "one" });
  expect(await told({ ...acme, "x-shard": "one" })).toBe(id);
  expect(await told({ ...globex, "x-shard": "one" })).toMatchObject({ status: "error" });
  expect(await told({ ...globex, "x-shard": "two" })).not.toBe(id);
});
