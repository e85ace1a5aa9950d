import { setTimeout as sleep } from "node:timers/promises";
import {
  Controller,
  Get,
  Inject,
  Param,
  type CanActivate,
  type ExecutionContext,
  type INestApplication,
  type NestInterceptor,
  UseGuards,
  UseInterceptors,
} from "@nestjs/common";
import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
} from "@nestjs/websockets";
import type { Partywall } from "partywall";
import {
  Central,
  CurrentTenant,
  TenancyGuard,
  TenantGateways,
  type GatewayOptions,
  type TenancyModuleOptions,
} from "partywall/frameworks/nest";
import { finalize, interval, map, take } from "rxjs";
import { threeTenants, where } from "../instance.js";
import { byHeader, started } from "./tenancy.js";

/** What the gateways' hooks and handlers saw, and how many scopes are open. */
export interface Watch {
  readonly seen: string[];
  open: number;
}

export const members = new Map<string, readonly string[]>();

/** A gateway whose handlers say where they are, a controller that emits from HTTP, and the adapter under test. */
export async function served(
  adapt: (app: INestApplication) => unknown,
  {
    gateways = {},
    namespace,
    ...more
  }: Partial<Omit<TenancyModuleOptions, "gateways">> & {
    readonly gateways?: GatewayOptions | undefined;
    readonly namespace?: string;
  } = {},
) {
  const pw = await threeTenants();
  const watch: Watch = { seen: [], open: 0 };
  const saw = (what: string) => watch.seen.push(`${what} ${where(pw)}`);

  class RolesGuard implements CanActivate {
    canActivate() {
      saw("guard");
      return true;
    }
  }
  const interceptor: NestInterceptor = {
    intercept: (_: ExecutionContext, next) => {
      saw("interceptor");
      return next.handle().pipe(finalize(() => saw("finalize")));
    },
  };

  @WebSocketGateway(namespace === undefined ? {} : { namespace })
  @UseGuards(TenancyGuard, RolesGuard)
  @UseInterceptors(interceptor)
  class Gateway {
    @WebSocketServer()
    readonly server!: Emitting;

    async handleConnection(client: Joining) {
      await client.join?.("news");
      saw("connection");
    }
    handleDisconnect() {
      saw("disconnect");
    }
    @SubscribeMessage("where")
    async where(@MessageBody() body: unknown, @CurrentTenant("slug") slug: string) {
      await sleep(Math.random() * 5);
      saw("handler");
      return {
        event: "answer",
        data: `${String(body)} ${slug} ${where(pw)} ${String(pw.principal())}`,
      };
    }
    @SubscribeMessage("many")
    many() {
      return interval(2).pipe(
        take(3),
        map((data) => ({ event: "answer", data: `${data} ${where(pw)}` })),
      );
    }
    @SubscribeMessage("endless")
    endless() {
      saw("handler");
      return interval(2).pipe(
        map(() => ({ event: "answer", data: where(pw) })),
        finalize(() => saw("given up")),
      );
    }
    @SubscribeMessage("everybody")
    everybody(@MessageBody() text: string) {
      this.server.emit("said", text);
    }
    @SubscribeMessage("room")
    room(@ConnectedSocket() client: Joining, @MessageBody() text: string) {
      this.server.to("news").emit("said", text);
      client.to?.("news").emit("said", `${text} of another`);
    }
    @SubscribeMessage("central")
    @Central()
    central() {
      saw("handler");
    }
    @SubscribeMessage("fails")
    fails() {
      throw new Error("secret");
    }
  }

  @Controller()
  class Announcements {
    constructor(
      @Inject(Gateway) private readonly gateway: Gateway,
      @Inject(TenantGateways) private readonly live: TenantGateways,
    ) {}
    @Get("announce/:text")
    announce(@Param("text") text: string) {
      this.gateway.server.emit("said", text);
      this.gateway.server.to("news").emit("said", `${text} to a room`);
    }
    @Get("evict/:user")
    evict(@Param("user") principal: string) {
      return this.live.evict({ principal });
    }
  }

  const { app, port, body } = await started(
    {
      imports: [
        byHeader(pw, {
          pw: counting(pw, watch),
          gateways: {
            principal: ({ headers }) => headers["x-user"],
            authorize: ({ tenant, principal }) =>
              (members.get(String(principal)) ?? ["acme", "globex", "umbra"]).includes(tenant.slug),
            ...gateways,
          },
          ...more,
        }),
      ],
      controllers: [Announcements],
      providers: [Gateway],
    },
    "Express",
    adapt,
  );
  return { app, pw, port, body, watch, live: app.get(TenantGateways), gateway: app.get(Gateway) };
}

interface Emitting {
  emit(event: string, data: unknown): unknown;
  to(room: string): Emitting;
}

interface Joining {
  join?(room: string): unknown;
  to?(room: string): Emitting;
}

function counting(pw: Partywall, watch: Watch): Partywall {
  return {
    ...pw,
    run: (key, fn, how) => {
      watch.open += 1;
      return pw.run(key, fn, how).finally(() => {
        watch.open -= 1;
      });
    },
  };
}
