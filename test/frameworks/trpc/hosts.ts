import { getRequestListener } from "@hono/node-server";
import { createExpressMiddleware } from "@trpc/server/adapters/express";
import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import { createHTTPHandler } from "@trpc/server/adapters/standalone";
import express from "express";
import { tenancy as expressTenancy } from "partywall/frameworks/express";
import { tenancy as fetchTenancy } from "partywall/frameworks/fetch";
import { tenancy as nodeTenancy } from "partywall/frameworks/node";
import { header } from "partywall/resolvers";
import type { RequestListener } from "node:http";
import type { World } from "../../guards/postgres/world.js";
import type { OrdersRouter } from "./router.js";

const admission = {
  resolve: header("x-tenant"),
  authorize: ({ principal }: { readonly principal: unknown }) => principal === "ada",
};

/** tRPC's own adapters, each behind the entrance that fits it; the router is at /trpc. */
export const HOSTS: Record<string, (world: World, orders: OrdersRouter) => RequestListener> = {
  Express: ({ pw }, { router, createContext, onError }) => {
    const app = express();
    app.use(
      expressTenancy(pw, {
        ...admission,
        principal: (req: express.Request) => req.get("x-user"),
      }),
    );
    app.use("/trpc", createExpressMiddleware({ router, createContext, onError }));
    return app;
  },
  "node:http": ({ pw }, { router, createContext, onError }) =>
    nodeTenancy(pw, { ...admission, principal: (req) => req.headers["x-user"] })(
      createHTTPHandler({ router, createContext, onError, basePath: "/trpc/" }),
    ),
  fetch: ({ pw }, { router, createContext, onError }) =>
    getRequestListener(
      fetchTenancy(pw, {
        ...admission,
        principal: (request) => request.headers.get("x-user"),
      })((req) => fetchRequestHandler({ endpoint: "/trpc", req, router, createContext, onError })),
    ),
};
