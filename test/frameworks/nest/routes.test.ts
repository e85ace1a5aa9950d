import { Controller, Get, Inject, Injectable, Module, Param, Scope } from "@nestjs/common";
import type { ArgumentMetadata, PipeTransform } from "@nestjs/common";
import type { Partywall, Tenant } from "partywall";
import {
  Central,
  CurrentPrincipal,
  CurrentTenant,
  InjectPartywall,
  TenancyModule,
  TenantRoute,
  Universal,
} from "partywall/frameworks/nest";
import { header } from "partywall/resolvers";
import { describe, expect, it } from "vitest";
import { anchor } from "../../../src/scope/anchor.js";
import { ask } from "../http.js";
import { threeTenants, where } from "../instance.js";
import { acme, byHeader, given, started } from "./tenancy.js";

const globex = { "x-tenant": "globex" };

describe.each(["Express", "Fastify"] as const)("nest on %s: routes", (platform) => {
  it("need a tenant unless a decorator says otherwise, the method's before the class's", async () => {
    const pw = await threeTenants();
    class Handlers {
      @Get("silent")
      silent() {
        return where(pw);
      }
      @Get("central")
      @Central()
      central() {
        return where(pw);
      }
      @Get("universal")
      @Universal()
      universal() {
        return where(pw);
      }
      @Get("tenant")
      @TenantRoute()
      tenant() {
        return where(pw);
      }
    }
    @Controller("plain")
    class Plain extends Handlers {}
    @Controller("shared")
    @Central()
    class Shared extends Handlers {}
    const { body } = await started(
      { imports: [byHeader(pw)], controllers: [Plain, Shared] },
      platform,
    );
    const code = async (path: string) => JSON.parse(await body(path, {})).code;
    expect(await body("/plain/silent")).toBe("acme");
    expect(await code("/plain/silent")).toBe("PW_TENANT_UNRESOLVED");
    expect(await body("/shared/silent")).toBe("PW_CENTRAL_SCOPE");
    expect(await body("/shared/tenant")).toBe("acme");
    expect(await code("/shared/tenant")).toBe("PW_TENANT_UNRESOLVED");
    for (const controller of ["/plain", "/shared"]) {
      // oxlint-disable-next-line no-await-in-loop -- each by itself
      expect(await body(`${controller}/central`)).toBe("PW_CENTRAL_SCOPE");
      // oxlint-disable-next-line no-await-in-loop -- each by itself
      expect(await body(`${controller}/universal`)).toBe("acme");
      // oxlint-disable-next-line no-await-in-loop -- each by itself
      expect(await body(`${controller}/universal`, {})).toBe("PW_CENTRAL_SCOPE");
    }
  });

  it("hand over the tenant and the principal as parameters, and run pipes in the scope", async () => {
    const pw = await threeTenants();
    class Scoped implements PipeTransform {
      transform(value: string, { data }: ArgumentMetadata) {
        return `${data}=${value} in ${where(pw)}`;
      }
    }
    @Controller()
    class Parameters {
      @Get("all/:item")
      all(
        @CurrentTenant() tenant: Tenant,
        @CurrentTenant("id") id: string,
        @CurrentPrincipal() principal: unknown,
        @Param("item", Scoped) item: string,
      ) {
        return { name: tenant.name, id, principal, item };
      }
      @Get("shared")
      @Central()
      shared(@CurrentTenant() tenant: Tenant) {
        return tenant;
      }
    }
    const { port, body } = await started(
      {
        imports: [byHeader(pw, { principal: (context) => given(context, "x-user") })],
        controllers: [Parameters],
      },
      platform,
    );
    expect(JSON.parse(await body("/all/1", { ...globex, "x-user": "ada" }))).toEqual({
      name: "globex",
      id: "t-globex",
      principal: "ada",
      item: "item=1 in globex",
    });
    expect((await ask(port, { path: "/shared", headers: acme })).status).toBe(500);
  });

  it("use singletons, whose tenant is that of the caller; request-scoped providers go on", async () => {
    const pw = await threeTenants();
    const made = { singleton: 0, request: 0 };
    @Injectable()
    class Singleton {
      constructor(@InjectPartywall() private readonly partywall: Partywall) {
        made.singleton += 1;
      }
      tenant() {
        return this.partywall.current().slug;
      }
    }
    @Injectable({ scope: Scope.REQUEST })
    class PerRequest {
      constructor() {
        made.request += 1;
      }
      tenant() {
        return where(pw);
      }
    }
    @Controller("one")
    class One {
      constructor(@Inject(Singleton) private readonly service: Singleton) {}
      @Get()
      show() {
        return this.service.tenant();
      }
    }
    @Controller("each")
    class Each {
      constructor(@Inject(PerRequest) private readonly service: PerRequest) {}
      @Get()
      show() {
        return this.service.tenant();
      }
    }
    const { body } = await started(
      {
        imports: [byHeader(pw)],
        controllers: [One, Each],
        providers: [Singleton, PerRequest],
      },
      platform,
    );
    const answers = await Promise.all(
      [acme, globex, acme, globex].map((headers) => body("/one", headers)),
    );
    expect(answers).toEqual(["acme", "globex", "acme", "globex"]);
    expect(made).toEqual({ singleton: 1, request: 0 });
    expect([await body("/each"), await body("/each", globex)]).toEqual(["acme", "globex"]);
    expect(made).toEqual({ singleton: 1, request: 2 });
  });

  it("are those of an application that is wired by forRootAsync", async () => {
    const pw = await threeTenants();
    @Module({ providers: [{ provide: "header", useValue: "x-customer" }], exports: ["header"] })
    class Settings {}
    @Controller()
    class Show {
      @Get()
      show() {
        return where(pw);
      }
    }
    const tenancy = TenancyModule.forRootAsync({
      imports: [Settings],
      inject: ["header"],
      useFactory: async (name: string) => ({ pw, resolve: header(name, { trust: "a test" }) }),
    });
    const { body } = await started({ imports: [tenancy], controllers: [Show] }, platform);
    expect(await body("/", { "x-customer": "globex" })).toBe("globex");
  });
});

describe("nest: the module", () => {
  it("refuses at start what no framework takes", async () => {
    const pw = await threeTenants();
    const without = TenancyModule.forRoot({ pw, resolve: header("x-tenant") });
    await expect(started({ imports: [without] })).rejects.toMatchObject({ code: "PW_CONFIG" });
    const unknown = byHeader(pw, { autorize: () => true } as object);
    await expect(started({ imports: [unknown] })).rejects.toMatchObject({ code: "PW_CONFIG" });
  });

  it("leaves nothing registered when the application has closed", async () => {
    const pw = await threeTenants();
    const before = anchor.sources.length;
    const { app } = await started({ imports: [byHeader(pw)] });
    expect(anchor.sources).toHaveLength(before + 1);
    await app.close();
    expect(anchor.sources).toHaveLength(before);
  });
});
