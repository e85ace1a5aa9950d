import { randomUUID } from "node:crypto";
import type { AddressInfo, Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Controller, type INestMicroservice } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import {
  ClientProxyFactory,
  EventPattern,
  MessagePattern,
  Payload,
  Transport,
  type ClientOptions,
  type ClientProxy,
  type RedisOptions,
  type TcpOptions,
} from "@nestjs/microservices";
import { createPartywall, type Partywall } from "partywall";
import { Central, CurrentTenant, TenancyModule, Universal } from "partywall/frameworks/nest";
import { firstValueFrom, map, of, type Observable } from "rxjs";
import { onTestFinished } from "vitest";
import { where } from "../instance.js";
import { moduleOf } from "./application.js";

export const secret = "a secret of the tests, long enough to be one";

/** An instance with a secret, where Acme and Globex are active. */
export async function twoTenants(): Promise<Partywall> {
  const pw = createPartywall({ realm: randomUUID(), secret });
  onTestFinished(() => pw.close());
  for (const slug of ["acme", "globex"])
    // oxlint-disable-next-line no-await-in-loop -- in memory
    await pw.tenants.create({ id: `t-${slug}`, slug, name: slug });
  return pw;
}

/** A service on a free port, what it saw, and a client that knows nothing of tenants. */
export async function service(
  pw: Partywall,
  over: TcpOptions | RedisOptions = {
    transport: Transport.TCP,
    options: { host: "127.0.0.1", port: 0 },
  },
) {
  const [seen, refused]: [string[], string[]] = [[], []];
  @Controller()
  class Service {
    @MessagePattern("where")
    async where(@Payload() data: unknown, @CurrentTenant("slug") slug: string) {
      await sleep(Math.random() * 5);
      seen.push(where(pw));
      return { data, slug, where: where(pw) };
    }
    @MessagePattern({ cmd: "many", area: 1, zone: "b" })
    many() {
      return of(1, 2, 3).pipe(map((n) => `${n} ${where(pw)}`));
    }
    @MessagePattern(["one", "other"])
    several() {
      return where(pw);
    }
    @EventPattern("happened")
    happened(@Payload() data: string) {
      seen.push(`${data} ${where(pw)}`);
    }
    @MessagePattern("central")
    @Central()
    central() {
      return where(pw);
    }
    @MessagePattern("universal")
    @Universal()
    universal() {
      return where(pw);
    }
  }
  const module = TenancyModule.forRoot({
    pw,
    onRefusal: ({ error }) => void refused.push(error.code),
  });
  const app = await NestFactory.createMicroservice(
    moduleOf({ imports: [module], controllers: [Service] }),
    { ...over, logger: false },
  );
  onTestFinished(() => app.close());
  await app.listen();
  return { seen, refused, plain: clientOf(over.transport === Transport.TCP ? tcpOf(app) : over) };
}

/** How a service that listens on TCP is reached. */
export function tcpOf(app: INestMicroservice): TcpOptions {
  const { port } = app.unwrap<Server>().address() as AddressInfo;
  return { transport: Transport.TCP, options: { host: "127.0.0.1", port } };
}

/** A client that knows nothing of tenants. */
export function clientOf(over: TcpOptions | RedisOptions): ClientProxy {
  const client = ClientProxyFactory.create(over as ClientOptions);
  onTestFinished(() => client.close());
  return client;
}

/** What a message is answered with, or the error. */
export const answer = (sent: Observable<unknown>): Promise<unknown> =>
  firstValueFrom(sent).catch((error: unknown) => error);
