import { Readable } from "node:stream";
import Koa from "koa";
import { tenancy } from "partywall/frameworks/koa";
import type { FrameworkHost } from "../suite/host.js";
import { listen } from "../suite/listen.js";

export const host: FrameworkHost = {
  name: "Koa 3",
  header: (context: Koa.Context, name) => context.get(name) || undefined,
  path: (context: Koa.Context) => context.path,
  serve: (pw, options, handlers, atEnd) => {
    const app = new Koa();
    app.silent = true;
    app.use(tenancy(pw, options));
    // Behind tenancy, as an error handler of the application would be.
    app.use(async (context, next) => {
      try {
        await next();
      } catch (error) {
        context.status = 500;
        context.body = handlers.failed(error);
      }
    });
    const routes: Record<string, (context: Koa.Context) => unknown> = {
      "/who": () => handlers.who(),
      "/slow": () => handlers.slow(),
      "/echo": async (context) => handlers.echo(await text(context.req)),
      "/throw": () => handlers.throws(),
      "/reject": () => handlers.rejects(),
      "/stream": () => Readable.from(handlers.chunks()),
    };
    app.use(async (context) => {
      context.body = await (routes[context.path] ?? (() => handlers.where()))(context);
    });
    return listen(app.callback(), atEnd);
  },
};

async function text(stream: AsyncIterable<unknown>): Promise<string> {
  let all = "";
  for await (const chunk of stream) all += String(chunk);
  return all;
}
