import { Readable } from "node:stream";
import express from "express";
import { tenancy } from "partywall/frameworks/express";
import type { FrameworkHost } from "../suite/host.js";
import { listen } from "../suite/listen.js";

export const host: FrameworkHost = {
  name: "Express 5",
  header: (req: express.Request, name) => req.get(name),
  path: (req: express.Request) => req.path,
  serve: (pw, options, handlers, atEnd) => {
    const app = express();
    app.use(tenancy(pw, options));
    app.get("/who", (_req, res) => void res.send(handlers.who()));
    app.get("/slow", async (_req, res) => void res.send(await handlers.slow()));
    app.post("/echo", express.text(), async (req, res) => {
      res.send(await handlers.echo(req.body as string));
    });
    app.get("/throw", () => handlers.throws());
    app.get("/reject", () => handlers.rejects());
    app.get("/stream", (_req, res) => {
      const stream = Readable.from(handlers.chunks());
      res.once("close", () => stream.destroy());
      stream.pipe(res);
    });
    app.use((_req, res) => void res.send(handlers.where()));
    app.use(((error, _req, res, _next) => {
      res.status(500).send(handlers.failed(error));
    }) satisfies express.ErrorRequestHandler);
    return listen(app, atEnd);
  },
};
