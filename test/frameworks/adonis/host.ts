import { Readable } from "node:stream";
import type { HttpContext } from "@adonisjs/core/http";
import { tenancy } from "partywall/frameworks/adonis";
import type { FrameworkHost } from "../suite/host.js";
import { startAdonis } from "./server.js";

export const host: FrameworkHost = {
  name: "AdonisJS 7",
  header: (ctx: HttpContext, name) => ctx.request.header(name),
  path: (ctx: HttpContext) => ctx.request.url(),
  serve: (pw, options, handlers, atEnd) => {
    const Middleware = tenancy(pw, options);
    class Handler {
      report() {}
      handle(error: unknown, ctx: HttpContext) {
        ctx.response.status(500).send(handlers.failed(error));
      }
    }
    return startAdonis(
      {
        routes: async (app) => {
          const server = await app.container.make("server");
          const router = await app.container.make("router");
          server.use([async () => ({ default: Middleware })]);
          server.errorHandler(async () => ({ default: Handler }));
          router.get("/who", () => handlers.who());
          router.get("/slow", () => handlers.slow());
          router.post("/echo", async ({ request, response }) => {
            let text = "";
            for await (const chunk of request.request) text += String(chunk);
            response.send(await handlers.echo(text));
          });
          router.get("/throw", () => handlers.throws());
          router.get("/reject", () => handlers.rejects());
          router.get("/stream", ({ response }) =>
            response.stream(Readable.from(handlers.chunks())),
          );
          router.get("*", () => handlers.where());
        },
      },
      atEnd,
    );
  },
};
