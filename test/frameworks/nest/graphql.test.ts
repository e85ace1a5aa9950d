import { setTimeout as sleep } from "node:timers/promises";
import { Inject, Injectable, UseGuards, type ExecutionContext } from "@nestjs/common";
import { ExternalContextCreator, HttpAdapterHost } from "@nestjs/core";
import { Central } from "partywall/frameworks/nest";
import { describe, expect, it } from "vitest";
import { threeTenants, where } from "../instance.js";
import { acme, byHeader, started } from "./tenancy.js";

type Field = (root: unknown, args: object, context: object, info: object) => Promise<unknown>;

/**
 * An endpoint that calls root fields as @nestjs/graphql has them called: made by Nest's ExternalContextCreator for the context
 * "graphql", with the arguments root, args, context and info. Fields of what they return are resolved afterwards, outside.
 */
async function endpoint(fields: readonly string[]) {
  const pw = await threeTenants();
  const seen: string[] = [];
  @Injectable()
  @UseGuards({
    canActivate: (context: ExecutionContext) => {
      const [, , { req }] = context.getArgs();
      req.user = req.headers["x-user"];
      return true;
    },
  })
  class Resolver {
    async mine() {
      await sleep(1);
      seen.push(where(pw));
      return where(pw);
    }
    @Central()
    async shared() {
      return where(pw);
    }
  }
  @Injectable()
  class Endpoint {
    constructor(
      @Inject(HttpAdapterHost) private readonly adapter: HttpAdapterHost,
      @Inject(ExternalContextCreator) private readonly creator: ExternalContextCreator,
      @Inject(Resolver) private readonly resolver: Resolver,
    ) {}
    onModuleInit() {
      const made = fields.map((name) => {
        const callback = this.resolver[name as "mine"];
        return this.creator.create(
          this.resolver,
          callback,
          name,
          undefined,
          undefined,
          undefined,
          undefined,
          { guards: true, interceptors: true, filters: true },
          "graphql",
        ) as Field;
      });
      this.adapter.httpAdapter.use(
        "/graphql",
        (req: object, res: { json(body: unknown): void }) => {
          void Promise.all(
            made.map(async (field) => {
              try {
                return `${String(await field(undefined, {}, { req }, {}))} ${where(pw)}`;
              } catch (error) {
                return (error as { getResponse?(): unknown }).getResponse?.() ?? error;
              }
            }),
          ).then((answers) => res.json(answers));
        },
      );
    }
  }
  const { body } = await started({
    imports: [
      byHeader(pw, {
        principal: (context) => context.getArgs()[2].req.user,
        authorize: ({ principal }) => principal === "ada",
      }),
    ],
    providers: [Resolver, Endpoint],
  });
  const ask = async (tenant: string, user = "ada") =>
    JSON.parse(await body("/graphql", { ...acme, "x-tenant": tenant, "x-user": user }));
  return { ask, seen };
}

describe("nest: execution contexts of GraphQL", () => {
  it("run a root field in the scope of the request, and what is resolved after it", async () => {
    const { ask } = await endpoint(["mine", "mine"]);
    expect(await Promise.all([ask("acme"), ask("globex"), ask("acme")])).toEqual([
      ["acme acme", "acme acme"],
      ["globex globex", "globex globex"],
      ["acme acme", "acme acme"],
    ]);
  });

  it("refuse alike what is unknown and what is forbidden, and run nothing", async () => {
    const { ask, seen } = await endpoint(["mine"]);
    const unknown = await ask("nobody");
    expect(unknown).toMatchObject([{ status: 404, code: "PW_TENANT_UNKNOWN" }]);
    expect(await ask("acme", "eve")).toEqual(unknown);
    expect(await ask("umbra", "eve")).toEqual(unknown);
    expect(seen).toEqual([]);
  });

  it("hold no scope for what comes after, where fields of one request have different ones", async () => {
    const { ask } = await endpoint(["shared", "mine"]);
    expect((await ask("acme"))[1]).toBe("acme PW_NO_SCOPE");
  });
});
