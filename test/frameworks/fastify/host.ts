import { Readable } from "node:stream";
import fastify, { type FastifyRequest } from "fastify";
import { tenancy } from "partywall/frameworks/fastify";
import type { FrameworkHost } from "../suite/host.js";

export const host: FrameworkHost = {
  name: "Fastify 5",
  header: (req: FastifyRequest, name) => req.headers[name] as string | undefined,
  path: (req: FastifyRequest) => req.originalUrl.split("?")[0] ?? "/",
  serve: async (pw, options, handlers, atEnd) => {
    const app = fastify({ forceCloseConnections: true });
    // Before the plugin is registered, and in a context of its own: neither must escape it.
    app.get("/who", async () => handlers.who());
    app.register(tenancy(pw, options));
    app.register(async (inner) => {
      inner.get("/slow", () => handlers.slow());
      inner.post("/echo", async (req) => handlers.echo(req.body as string));
    });
    app.get("/throw", (_req, _reply) => handlers.throws());
    app.get("/reject", () => handlers.rejects());
    app.get("/stream", async (_req, reply) => reply.send(Readable.from(handlers.chunks())));
    app.get("/*", async () => handlers.where());
    app.setErrorHandler((error, _req, reply) => reply.code(500).send(handlers.failed(error)));
    atEnd(() => app.close());
    const address = await app.listen({ host: "127.0.0.1", port: 0 });
    return Number(new URL(address).port);
  },
};
