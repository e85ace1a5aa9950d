import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { tenancy } from "partywall/frameworks/node";
import type { FrameworkHost } from "../suite/host.js";
import { listen } from "../suite/listen.js";

const pathOf = (req: IncomingMessage) => (req.url ?? "/").split("?")[0] ?? "/";

export const host: FrameworkHost = {
  name: "node:http",
  header: (req: IncomingMessage, name) => req.headers[name] as string | undefined,
  path: pathOf,
  serve: (pw, options, handlers, atEnd) => {
    const guarded = tenancy(pw, {
      ...options,
      onError: (error, _req, res) => {
        res.statusCode = 500;
        res.end(handlers.failed(error));
      },
    });
    const routes: Record<string, (req: IncomingMessage) => string | Promise<string>> = {
      "/who": () => handlers.who(),
      "/slow": () => handlers.slow(),
      "/echo": async (req) => {
        let all = "";
        for await (const chunk of req) all += String(chunk);
        return handlers.echo(all);
      },
      "/throw": () => handlers.throws(),
      "/reject": () => handlers.rejects(),
    };
    const listener = (req: IncomingMessage, res: ServerResponse) => {
      if (pathOf(req) === "/stream") {
        const stream = Readable.from(handlers.chunks());
        res.once("close", () => stream.destroy());
        stream.pipe(res);
        return undefined;
      }
      const answer = (routes[pathOf(req)] ?? (() => handlers.where()))(req);
      if (typeof answer === "string") return res.end(answer);
      return answer.then((body) => res.end(body));
    };
    return listen(guarded(listener), atEnd);
  },
};
