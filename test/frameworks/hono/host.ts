import { getRequestListener } from "@hono/node-server";
import { Hono, type Context } from "hono";
import { tenancy } from "partywall/frameworks/hono";
import type { FrameworkHost } from "../suite/host.js";
import { listen, webStream } from "../suite/listen.js";

export const host: FrameworkHost = {
  name: "Hono 4 on Node.js",
  header: (context: Context, name) => context.req.header(name),
  path: (context: Context) => context.req.path,
  serve: (pw, options, handlers, atEnd) => {
    const app = new Hono();
    app.use(tenancy(pw, options));
    app.get("/who", (c) => c.text(handlers.who()));
    app.get("/slow", async (c) => c.text(await handlers.slow()));
    app.post("/echo", async (c) => c.text(await handlers.echo(await c.req.text())));
    app.get("/throw", () => handlers.throws());
    app.get("/reject", () => handlers.rejects());
    app.get("/stream", (c) => c.body(webStream(handlers.chunks())));
    app.get("/*", (c) => c.text(handlers.where()));
    app.onError((error, c) => c.text(handlers.failed(error), 500));
    return listen(getRequestListener(app.fetch), atEnd);
  },
};
