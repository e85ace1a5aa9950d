import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { Injectable, UseGuards, type CanActivate, type ExecutionContext } from "@nestjs/common";
import {
  AbstractGraphQLDriver,
  Field,
  GqlExecutionContext,
  GraphQLModule,
  Mutation,
  ObjectType,
  Parent,
  Query,
  ResolveField,
  Resolver,
  type GqlModuleOptions,
} from "@nestjs/graphql";
import type * as GraphQL from "graphql";
import { Central, CurrentPrincipal, CurrentTenant } from "partywall/frameworks/nest";
import { describe, expect, it } from "vitest";
import { ask } from "../http.js";
import { threeTenants, where } from "../instance.js";
import { PLATFORMS } from "./application.js";
import { acme, byHeader, started } from "./tenancy.js";

const globex = { "x-tenant": "globex" };
// As Nest's own code gets it; the bundler of the tests would take another copy.
const { graphql } = createRequire(import.meta.url)("graphql") as typeof GraphQL;

/** A driver of Nest without a server of GraphQL: one route that executes what it is asked. */
@Injectable()
class Plain extends AbstractGraphQLDriver {
  async start({ schema }: GqlModuleOptions) {
    const { httpAdapter } = this.httpAdapterHost;
    if (schema === undefined) throw new Error("no schema");
    httpAdapter.get("/graphql", async (req: { query: { query: string } }, res: unknown) => {
      const contextValue = { req, res };
      httpAdapter.reply(res, await graphql({ schema, source: req.query.query, contextValue }), 200);
    });
  }
  async stop() {}
}

describe.each(Object.keys(PLATFORMS) as (keyof typeof PLATFORMS)[])("nest on %s", (platform) => {
  async function goals() {
    const pw = await threeTenants();
    const seen: string[] = [];
    class AuthGuard implements CanActivate {
      canActivate(context: ExecutionContext) {
        const { req } = GqlExecutionContext.create(context).getContext();
        req.user = req.headers["x-user"];
        return true;
      }
    }
    @ObjectType()
    class Goal {
      @Field(() => String)
      title!: string;
    }
    @Resolver(() => Goal)
    @UseGuards(AuthGuard)
    class Goals {
      @Query(() => [Goal])
      async goals(@CurrentTenant("slug") slug: string, @CurrentPrincipal() user: string) {
        await sleep(Math.random() * 5);
        return [1, 2].map((n) => ({ title: `${n} ${slug} ${where(pw)} ${user}` }));
      }
      @ResolveField(() => String)
      async where(@Parent() _goal: Goal) {
        await sleep(1);
        return where(pw);
      }
      @Mutation(() => String)
      add() {
        seen.push(where(pw));
        return "added";
      }
      @Query(() => String)
      @Central()
      health() {
        return where(pw);
      }
    }
    const { port } = await started(
      {
        imports: [
          byHeader(pw, {
            principal: (context) => GqlExecutionContext.create(context).getContext().req.user,
            authorize: ({ principal }) => principal === "ada",
          }),
          GraphQLModule.forRoot({ driver: Plain, autoSchemaFile: true }),
        ],
        providers: [Goals],
      },
      platform,
    );
    const query = async (text: string, headers: Record<string, string>) => {
      const path = `/graphql?query=${encodeURIComponent(text)}`;
      return JSON.parse((await ask(port, { path, headers: { "x-user": "ada", ...headers } })).body);
    };
    return { query, seen };
  }

  it("resolves what @nestjs/graphql serves in the request's tenant, to the last field", async () => {
    const { query } = await goals();
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        query("{ goals { title where } }", n % 2 === 0 ? acme : globex),
      ),
    );
    for (const [n, { data }] of answers.entries()) {
      const slug = n % 2 === 0 ? "acme" : "globex";
      expect(data.goals).toEqual(
        [1, 2].map((at) => ({ title: `${at} ${slug} ${slug} ada`, where: slug })),
      );
    }
    expect(await query("{ health }", acme)).toEqual({ data: { health: "PW_CENTRAL_SCOPE" } });
  });

  it("resolves no field of @nestjs/graphql for whoever may not enter", async () => {
    const { query, seen } = await goals();
    const refused = async (headers: Record<string, string>) => {
      const { data, errors } = await query("mutation { add }", headers);
      return [data, errors[0].message];
    };
    const [unknown, forbidden, suspended] = [
      await refused({ "x-tenant": "nobody" }),
      await refused({ ...acme, "x-user": "eve" }),
      await refused({ "x-tenant": "umbra", "x-user": "eve" }),
    ];
    expect(unknown[0]).toBeNull();
    expect(forbidden).toEqual(unknown);
    expect(suspended).toEqual(unknown);
    expect(seen).toEqual([]);
    await query("mutation { add }", acme);
    expect(seen).toEqual(["acme"]);
  });
});
