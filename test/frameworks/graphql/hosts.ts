import type { RequestListener } from "node:http";
import { getRequestListener } from "@hono/node-server";
import express from "express";
import { graphql } from "graphql";
import { tenancy as expressTenancy } from "partywall/frameworks/express";
import { tenancy as fetchTenancy } from "partywall/frameworks/fetch";
import { header } from "partywall/resolvers";
import type { World } from "../../guards/postgres/world.js";
import type { Context, OrdersSchema } from "./schema.js";

export const admission = {
  resolve: header("x-tenant"),
  authorize: ({ principal }: { readonly principal: unknown }) => principal === "ada",
};

type Host = (
  world: World,
  schema: OrdersSchema["schema"],
  contextOf: () => Context,
) => RequestListener;

/** The schema executed behind two entrances, for a body `{ query }`. */
export const HOSTS: Record<string, Host> = {
  Express: ({ pw }, schema, contextOf) => {
    const app = express();
    app.use(
      expressTenancy(pw, { ...admission, principal: (req: express.Request) => req.get("x-user") }),
    );
    app.post("/graphql", express.json(), async (req, res) => {
      res.json(
        await graphql({ schema, source: req.body.query as string, contextValue: contextOf() }),
      );
    });
    return app;
  },
  fetch: ({ pw }, schema, contextOf) =>
    getRequestListener(
      fetchTenancy(pw, {
        ...admission,
        principal: (request) => request.headers.get("x-user"),
      })(async (request) => {
        const { query } = (await request.json()) as { readonly query: string };
        return Response.json(await graphql({ schema, source: query, contextValue: contextOf() }));
      }),
    ),
};
