import { getRequestListener } from "@hono/node-server";
import { tenancy } from "partywall/frameworks/fetch";
import type { FrameworkHost } from "../suite/host.js";
import { listen, webStream } from "../suite/listen.js";

const pathOf = (req: Request) => new URL(req.url).pathname;

export const host: FrameworkHost = {
  name: "a fetch handler",
  header: (req: Request, name) => req.headers.get(name) ?? undefined,
  path: pathOf,
  serve: (pw, options, handlers, atEnd) => {
    const routes: Record<string, (req: Request) => string | Promise<string>> = {
      "/who": () => handlers.who(),
      "/slow": () => handlers.slow(),
      "/echo": async (req) => handlers.echo(await req.text()),
      "/throw": () => handlers.throws(),
      "/reject": () => handlers.rejects(),
    };
    const answer = async (req: Request): Promise<Response> => {
      if (pathOf(req) === "/stream") return new Response(webStream(handlers.chunks()));
      try {
        return new Response(await (routes[pathOf(req)] ?? (() => handlers.where()))(req));
      } catch (error) {
        return new Response(handlers.failed(error), { status: 500 });
      }
    };
    const guarded = tenancy(pw, options)(answer);
    return listen(
      getRequestListener((req) =>
        guarded(req).catch(
          (error: unknown) => new Response(handlers.failed(error), { status: 500 }),
        ),
      ),
      atEnd,
    );
  },
};
