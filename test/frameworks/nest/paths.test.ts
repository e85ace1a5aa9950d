import {
  Controller,
  Get,
  Injectable,
  Param,
  UseInterceptors,
  UsePipes,
  Version,
  VersioningType,
  type CallHandler,
  type ExecutionContext,
  type INestApplication,
  type NestInterceptor,
  type PipeTransform,
} from "@nestjs/common";
import { RouterModule } from "@nestjs/core";
import { path } from "partywall/resolvers";
import type { TenancyModuleOptions } from "partywall/frameworks/nest";
import { concatMap, delay, from, of, shareReplay, type Observable } from "rxjs";
import { describe, expect, it } from "vitest";
import { threeTenants, where } from "../instance.js";
import { moduleOf, PLATFORMS } from "./application.js";
import { acme, byHeader, started } from "./tenancy.js";

const globex = { "x-tenant": "globex" };

describe.each(Object.keys(PLATFORMS) as (keyof typeof PLATFORMS)[])("nest on %s", (platform) => {
  async function app(
    change: (app: INestApplication) => unknown,
    options: Partial<TenancyModuleOptions> = {},
  ) {
    const pw = await threeTenants();
    @Controller("where")
    class Where {
      @Get()
      @Version(["1", "2"])
      where() {
        return where(pw);
      }
    }
    return started({ imports: [byHeader(pw, options)], controllers: [Where] }, platform, change);
  }

  it("has the tenant below a global prefix and versions in the path", async () => {
    const { body } = await app((nest) => {
      nest.setGlobalPrefix("api");
      nest.enableVersioning({ type: VersioningType.URI });
    });
    expect([await body("/api/v1/where"), await body("/api/v2/where", globex)]).toEqual([
      "acme",
      "globex",
    ]);
    expect(await body("/api/v1/where", {})).toContain("PW_TENANT_UNRESOLVED");
  });

  it("has the tenant in versions that a header names", async () => {
    const { body } = await app((nest) =>
      nest.enableVersioning({ type: VersioningType.HEADER, header: "x-version" }),
    );
    expect(await body("/where", { ...globex, "x-version": "2" })).toBe("globex");
  });

  it("finds a tenant in the path that a module is mounted at", async () => {
    const pw = await threeTenants();
    @Controller("where")
    class Where {
      @Get(":id")
      where(@Param("id") id: string) {
        return `${id} ${where(pw)}`;
      }
    }
    const mounted = moduleOf({ controllers: [Where] });
    const { body } = await started(
      {
        imports: [
          byHeader(pw, { resolve: path("/t/:tenant") }),
          { module: mounted },
          RouterModule.register([{ path: "t/:slug", module: mounted }]),
        ],
      },
      platform,
    );
    expect([await body("/t/acme/where/1", {}), await body("/t/globex/where/2", {})]).toEqual([
      "1 acme",
      "2 globex",
    ]);
  });

  it("has the tenant in pipes, and in interceptors that wait, repeat and answer by themselves", async () => {
    const pw = await threeTenants();
    const seen: string[] = [];
    @Injectable()
    class Pipe implements PipeTransform {
      async transform(value: string) {
        await new Promise((turn) => void setImmediate(turn));
        seen.push(`pipe ${where(pw)}`);
        return value;
      }
    }
    const waits: NestInterceptor = {
      intercept: (_: ExecutionContext, next: CallHandler<unknown>): Observable<unknown> =>
        next.handle().pipe(
          delay(2),
          concatMap((value) => from(Promise.resolve(`${String(value)} ${where(pw)}`))),
          shareReplay(1),
        ),
    };
    const answers: NestInterceptor = {
      intercept: (context: ExecutionContext, next: CallHandler<unknown>) =>
        context.switchToHttp().getRequest().headers["x-cached"] === "yes"
          ? of(`cached ${where(pw)}`)
          : next.handle(),
    };
    @Controller()
    @UseInterceptors(waits, answers)
    class Where {
      @Get(":id")
      @UsePipes(Pipe)
      where(@Param("id") id: string) {
        return `${id} ${where(pw)}`;
      }
    }
    const { body } = await started(
      { imports: [byHeader(pw)], controllers: [Where], providers: [Pipe] },
      platform,
    );
    const answered = await Promise.all([
      body("/1"),
      body("/2", globex),
      body("/3", { ...acme, "x-cached": "yes" }),
      body("/4", { ...globex, "x-cached": "yes" }),
    ]);
    expect(answered).toEqual([
      "1 acme acme",
      "2 globex globex",
      "cached acme acme",
      "cached globex globex",
    ]);
    expect(seen.toSorted()).toEqual(["pipe acme", "pipe globex"]);
  });
});

it("nest: has no tenant in the hooks of an application's life", async () => {
  const pw = await threeTenants();
  const seen: string[] = [];
  @Injectable()
  class Life {
    onModuleInit() {
      seen.push(`init ${where(pw)}`);
    }
    onApplicationBootstrap() {
      seen.push(`bootstrap ${where(pw)}`);
    }
    onModuleDestroy() {
      seen.push(`destroy ${where(pw)}`);
    }
    onApplicationShutdown() {
      seen.push(`shutdown ${where(pw)}`);
    }
  }
  @Controller()
  class Where {
    @Get()
    where() {
      return where(pw);
    }
  }
  const { app, body } = await started({
    imports: [byHeader(pw)],
    providers: [Life],
    controllers: [Where],
  });
  expect(await body("/")).toBe("acme");
  await app.close();
  expect(seen).toEqual(
    ["init", "bootstrap", "destroy", "shutdown"].map((hook) => `${hook} PW_NO_SCOPE`),
  );
});
