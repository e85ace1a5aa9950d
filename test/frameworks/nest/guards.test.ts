import {
  Controller,
  Get,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
  type Type,
} from "@nestjs/common";
import { APP_GUARD } from "@nestjs/core";
import type { Partywall } from "partywall";
import { TenancyGuard, type TenantRefusedException } from "partywall/frameworks/nest";
import { describe, expect, it } from "vitest";
import { ask } from "../http.js";
import { threeTenants, where } from "../instance.js";
import { acme, byHeader, given, started } from "./tenancy.js";

/** Authenticates by a header, as an application does: what it finds is on the request. */
class AuthGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const user = given(context, "x-user");
    context.switchToHttp().getRequest().user = user;
    return user !== undefined;
  }
}

function options(pw: Partywall) {
  return byHeader(pw, {
    principal: (context) => context.switchToHttp().getRequest().user,
    authorize: ({ tenant, principal }) => principal === `${tenant.slug}'s`,
  });
}

const user = (name: string) => ({ ...acme, "x-user": name });

@Controller()
@UseGuards(AuthGuard)
class ByController {
  @Get()
  show() {
    return "shown";
  }
}

@Controller()
class ByMethod {
  @Get()
  @UseGuards(AuthGuard)
  show() {
    return "shown";
  }
}

@Controller()
class Plain {
  @Get()
  show() {
    return "shown";
  }
}

const globally = { provide: APP_GUARD, useClass: AuthGuard };

describe.each(["Express", "Fastify"] as const)("nest on %s: guards", (platform) => {
  it.each<[string, Type, boolean | "late"]>([
    ["the controller", ByController, false],
    ["the method", ByMethod, false],
    ["the application, by a provider", Plain, true],
    ["the application, by useGlobalGuards", Plain, "late"],
  ])("of %s authenticate before authorize is asked", async (_, controller, global) => {
    const pw = await threeTenants();
    const { port } = await started(
      {
        imports: [options(pw)],
        controllers: [controller],
        providers: global === true ? [globally] : [],
      },
      platform,
      (app) => global === "late" && app.useGlobalGuards(new AuthGuard()),
    );
    const status = async (headers: Record<string, string>) => (await ask(port, { headers })).status;
    expect(await status(user("acme's"))).toBe(200);
    expect(await status(user("globex's"))).toBe(404);
    expect(await status(acme)).toBe(403);
  });

  it("before the TenancyGuard have no tenant, and those after it have", async () => {
    const pw = await threeTenants();
    const seen: string[] = [];
    let asked = 0;
    const note = (name: string) =>
      class implements CanActivate {
        canActivate() {
          seen.push(`${name} ${where(pw)} ${String(pw.principal())}`);
          return true;
        }
      };
    @Controller()
    @UseGuards(note("before"), AuthGuard, TenancyGuard, note("after"))
    class Guarded {
      @Get()
      @UseGuards(note("method"))
      show() {
        return `${where(pw)} ${String(pw.principal())}`;
      }
    }
    const { port, body } = await started(
      {
        imports: [
          byHeader(pw, {
            principal: (context) => given(context, "x-user"),
            authorize: ({ principal }) => {
              asked += 1;
              return principal === "ada";
            },
          }),
        ],
        controllers: [Guarded],
      },
      platform,
    );
    expect(await body("/", user("ada"))).toBe("acme ada");
    expect(asked).toBe(1);
    expect(seen).toEqual(["before PW_NO_SCOPE undefined", "after acme ada", "method acme ada"]);
    const refused = await ask(port, { headers: user("eve") });
    expect([refused.status, JSON.parse(refused.body).code]).toEqual([404, "PW_TENANT_UNKNOWN"]);
    expect(seen).toHaveLength(4);
  });

  it("see a refusal that does not tell an unknown tenant from a forbidden one", async () => {
    const pw = await threeTenants();
    const caught: unknown[] = [];
    const { body } = await started(
      { imports: [options(pw)], controllers: [Plain] },
      platform,
      (app) =>
        app.useGlobalFilters({
          catch: (error: TenantRefusedException, host) => {
            caught.push([Object.entries(error), error.message, error.cause, error.getResponse()]);
            host.switchToHttp().getResponse().status(error.getStatus()).send("own page");
          },
        }),
    );
    expect(await body("/", acme)).toBe("own page");
    expect(await body("/", { "x-tenant": "nobody" })).toBe("own page");
    expect(caught).toHaveLength(2);
    expect(caught[0]).toEqual(caught[1]);
  });
});
