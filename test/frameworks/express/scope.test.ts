import { AsyncLocalStorage } from "node:async_hooks";
import { once } from "node:events";
import { Agent, request as httpRequest } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import express from "express";
import { tenancy } from "partywall/frameworks/express";
import type { ExpressTenancyOptions } from "partywall/frameworks/express";
import { header } from "partywall/resolvers";
import { describe, expect, it, onTestFinished } from "vitest";
import { threeTenants, watched, where } from "../instance.js";
import { ask, dial, serve } from "../http.js";

const as = (tenant: string) => ({ headers: { "x-tenant": tenant } });

/** An application behind `tenancy` whose routes `build` adds, with an admission that takes a while. */
async function application(
  build: (app: express.Express, pw: Awaited<ReturnType<typeof threeTenants>>) => void,
  more: Partial<
    ExpressTenancyOptions<
      express.Request,
      express.Response,
      unknown,
      Readonly<Record<string, unknown>>
    >
  > = {},
) {
  const pw = await threeTenants();
  const app = express();
  app.use(
    tenancy(pw, {
      resolve: header("x-tenant"),
      principal: () => sleep(2),
      authorize: () => sleep(2, true),
      ...more,
    }),
  );
  build(app, pw);
  const port = await serve(app);
  return { pw, port };
}

function keepAlive(maxSockets: number): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets });
  onTestFinished(() => agent.destroy());
  return agent;
}

describe("express: the scope of a request", () => {
  it("never mixes two tenants under load on shared connections", async () => {
    const { port } = await application((app, pw) => {
      app.use(express.json());
      app.post("/work", async (req, res) => {
        const seen = [where(pw)];
        for (let step = 0; step < 3; step += 1) {
          await sleep(Math.random() * 4);
          seen.push(where(pw));
        }
        await new Promise<void>((done) => setImmediate(() => done(void seen.push(where(pw)))));
        res.on("finish", () => seen.push(where(pw)));
        res.json({ seen, asked: (req.body as { tenant: string }).tenant });
      });
    });
    const agent = keepAlive(8);
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const tenant = index % 2 === 0 ? "acme" : "globex";
        const body = JSON.stringify({ tenant, padding: "x".repeat(index * 50) });
        const headers = { "x-tenant": tenant, "content-type": "application/json" };
        const answer = await ask(port, { method: "POST", path: "/work", headers, body, agent });
        return { tenant, ...(JSON.parse(answer.body) as { seen: string[]; asked: string }) };
      }),
    );
    expect(answers).toHaveLength(200);
    for (const { tenant, asked, seen } of answers) {
      expect(asked).toBe(tenant);
      expect(new Set(seen)).toEqual(new Set([tenant]));
    }
  });

  it("carries no scope from one request to the next on a kept connection", async () => {
    const before: string[] = [];
    const pw = await threeTenants();
    const sockets = new Set<unknown>();
    const app = express();
    app.use((req, _res, next) => {
      before.push(where(pw));
      sockets.add(req.socket);
      req.once("close", () => before.push("closed"));
      next();
    });
    app.use(tenancy(pw, { resolve: header("x-tenant"), authorize: () => true }));
    app.use(express.text());
    app.use((_req, res) => void res.send(where(pw)));
    const port = await serve(app);
    const agent = keepAlive(1);
    const seen: string[] = [];
    for (const tenant of ["acme", "globex", "nobody", "acme", "globex"]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other is the point
      const answer = await ask(port, { method: "POST", ...as(tenant), body: "text", agent });
      seen.push(answer.status === 200 ? answer.body : String(answer.status));
    }
    expect(seen).toEqual(["acme", "globex", "404", "acme", "globex"]);
    expect(sockets.size).toBe(1);
    expect(before.filter((entry) => entry !== "closed")).toEqual(Array(5).fill("PW_NO_SCOPE"));
  });

  it("keeps pipelined requests of two tenants apart, down to their write callbacks", async () => {
    const seen: string[] = [];
    const finished = new Promise<void>((resolve) => {
      void application((app, pw) => {
        app.get("/:tenant", async (req, res) => {
          const { tenant } = req.params;
          const note = (moment: string) => seen.push(`${tenant} ${moment} ${where(pw)}`);
          note("handler");
          res.on("finish", () => note("finish"));
          res.on("close", () => {
            note("close");
            if (seen.filter((line) => line.includes("close")).length === 3) resolve();
          });
          // The first is slow, so that the answers behind it wait and are flushed by its end.
          if (tenant === "acme") await sleep(30);
          res.write("x".repeat(100_000), () => note("written"));
          res.end("y", () => note("ended"));
        });
      }).then(async ({ port }) => {
        const socket = await dial(port);
        socket.resume();
        const one = (tenant: string) =>
          `GET /${tenant} HTTP/1.1\r\nHost: x\r\nx-tenant: ${tenant}\r\n\r\n`;
        socket.write(one("acme") + one("globex") + one("acme"));
      });
    });
    await finished;
    expect(seen).toHaveLength(15);
    for (const line of seen) {
      const [tenant, , scope] = line.split(" ");
      expect(scope, line).toBe(tenant);
    }
  });

  it("keeps the body that arrives while the request is being admitted", async () => {
    const { port } = await application((app, pw) => {
      app.use(express.text({ limit: "2mb" }));
      app.post("/", (req, res) => void res.send(`${where(pw)} ${(req.body as string).length}`));
    });
    const body = "b".repeat(1_000_000);
    const headers = { "x-tenant": "acme", "content-type": "text/plain" };
    expect((await ask(port, { method: "POST", headers, body })).body).toBe("acme 1000000");
  });

  it("runs the request's own listeners in its scope, chunk after chunk", async () => {
    const { port } = await application((app, pw) => {
      app.post("/", (req, res) => {
        const seen: string[] = [];
        req.on("data", () => seen.push(where(pw)));
        req.on("end", () => {
          seen.push(where(pw));
          setImmediate(() => res.json([...seen, where(pw)]));
        });
      });
    });
    const answer = new Promise<string>((resolve, reject) => {
      const req = httpRequest({ host: "127.0.0.1", port, method: "POST", ...as("acme") }, (res) => {
        let text = "";
        res.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        res.on("end", () => resolve(text));
      });
      req.on("error", reject);
      void (async () => {
        for (let chunk = 0; chunk < 5; chunk += 1) {
          req.write("chunk");
          // oxlint-disable-next-line no-await-in-loop -- so that each arrives on its own
          await sleep(10);
        }
        req.end();
      })();
    });
    const seen = JSON.parse(await answer) as string[];
    expect(seen.length).toBeGreaterThan(4);
    expect(new Set(seen)).toEqual(new Set(["acme"]));
  });

  it("lasts to the last byte of a streaming response", async () => {
    const left: string[] = [];
    const pw = await threeTenants();
    const host = watched(pw, (id) => left.push(id));
    const app = express();
    app.use(tenancy(host, { resolve: header("x-tenant"), authorize: () => true }));
    app.get("/", async (_req, res) => {
      async function* rows() {
        for (let row = 0; row < 20; row += 1) {
          await sleep(2);
          yield `${where(pw)} ${left.length} ${"z".repeat(50_000)}\n`;
        }
      }
      await pipeline(Readable.from(rows()), res);
    });
    const port = await serve(app);
    const { body } = await ask(port, as("acme"));
    const lines = body.trim().split("\n");
    expect(lines).toHaveLength(20);
    for (const line of lines) expect(line.slice(0, 6)).toBe("acme 0");
    await expect.poll(() => left).toEqual(["t-acme"]);
  });

  it("is left cleanly when the client goes away in the middle", async () => {
    const left: string[] = [];
    const seen: string[] = [];
    const late: unknown[] = [];
    const pw = await threeTenants();
    const host = watched(pw, (id) => left.push(id));
    const app = express();
    app.use(
      tenancy(host, {
        resolve: header("x-tenant"),
        authorize: () => true,
        onLateError: (error) => void late.push(error),
      }),
    );
    app.get("/", async (req, res) => {
      req.on("close", () => seen.push(`request ${where(pw)}`));
      res.on("close", () => seen.push(`response ${where(pw)}`));
      res.write("first");
      await once(res, "close");
      seen.push(`handler ${where(pw)}`);
    });
    const port = await serve(app);
    const socket = await dial(port);
    socket.write("GET / HTTP/1.1\r\nHost: x\r\nx-tenant: acme\r\n\r\n");
    await once(socket, "data");
    socket.destroy();
    await expect.poll(() => left).toEqual(["t-acme"]);
    expect(seen.toSorted()).toEqual(["handler acme", "request acme", "response acme"]);
    expect(late).toEqual([]);
    expect((await ask(port, { path: "/next", ...as("globex") })).status).toBe(404);
  });

  it("is not opened for a client that went away while it was being admitted", async () => {
    let admitted: (() => void) | undefined;
    const asked = new Promise<void>((resolve) => {
      admitted = resolve;
    });
    let open: ((answer: boolean) => void) | undefined;
    const handled: string[] = [];
    const closed: string[] = [];
    const pw = await threeTenants();
    const app = express();
    app.use((_req, res, next) => {
      res.on("close", () => closed.push("closed"));
      next();
    });
    app.use(
      tenancy(pw, {
        resolve: header("x-tenant"),
        authorize: () => {
          admitted?.();
          return new Promise<boolean>((resolve) => {
            open = resolve;
          });
        },
      }),
    );
    app.use(() => void handled.push("handled"));
    const port = await serve(app);
    const socket = await dial(port);
    socket.write("GET / HTTP/1.1\r\nHost: x\r\nx-tenant: acme\r\n\r\n");
    await asked;
    socket.destroy();
    await expect.poll(() => closed).toEqual(["closed"]);
    open?.(true);
    await sleep(20);
    expect(handled).toEqual([]);
  });

  it.each([
    [
      "thrown",
      () => {
        throw new Error("in the handler");
      },
    ],
    [
      "rejected",
      async () => {
        await sleep(2);
        throw new Error("in the handler");
      },
    ],
    [
      "passed on from a timer",
      (_req: unknown, _res: unknown, next: (error: Error) => void) =>
        void setTimeout(() => next(new Error("in the handler")), 2),
    ],
  ] as [string, express.RequestHandler][])(
    "is open in the error handler for an error %s",
    async (_, handler) => {
      const { port } = await application((app, pw) => {
        app.get("/", handler);
        app.use(((error: Error, _req, res, _next) => {
          res.status(500).send(`${where(pw)}: ${error.message}`);
        }) satisfies express.ErrorRequestHandler);
      });
      expect((await ask(port, as("acme"))).body).toBe("acme: in the handler");
    },
  );

  it("reports an error of leaving the scope, when nobody can be answered any more", async () => {
    const late: unknown[] = [];
    const pw = await threeTenants();
    const host = watched(pw, () => {
      throw new Error("cleanup failed");
    });
    const app = express();
    app.use(
      tenancy(host, {
        resolve: header("x-tenant"),
        authorize: () => true,
        onLateError: (error) => void late.push(error),
      }),
    );
    app.get("/", (_req, res) => void res.send("fine"));
    expect((await ask(await serve(app), as("acme"))).body).toBe("fine");
    await expect.poll(() => late).toEqual([new Error("cleanup failed")]);
  });

  it("is the last one opened, for listeners too, when a central scope was opened before", async () => {
    const { port } = await application(
      (app, pw) => {
        app.use((_req, _res, next) =>
          where(pw) === "PW_CENTRAL_SCOPE" ? next() : next("not central"),
        );
        app.use(tenancy(pw, { resolve: header("x-tenant"), authorize: () => true }));
        app.post("/", (req, res) => void req.on("data", () => res.send(where(pw))));
      },
      { routes: () => "central" },
    );
    expect((await ask(port, { method: "POST", ...as("acme"), body: "b" })).body).toBe("acme");
  });

  it("cannot be left for another tenant's by mounting the middleware again", async () => {
    const { port } = await application((app, pw) => {
      app.use(tenancy(pw, { resolve: header("x-other"), authorize: () => true }));
      app.use((_req, res) => void res.send(where(pw)));
      app.use(((error: { code: string }, _req, res, _next) => {
        res.status(500).send(error.code);
      }) satisfies express.ErrorRequestHandler);
    });
    const headers = { "x-tenant": "acme", "x-other": "globex" };
    expect((await ask(port, { headers })).body).toBe("PW_SCOPE_SWITCH");
  });

  it("knows who is acting: the principal, or what enterAs makes of it", async () => {
    for (const [enterAs, expected] of [
      [undefined, { user: "ada" }],
      [
        async ({ tenant, principal }: { tenant: { slug: string }; principal: unknown }) => ({
          ...(principal as object),
          role: `owner of ${tenant.slug}`,
        }),
        { user: "ada", role: "owner of acme" },
      ],
    ] as const) {
      // oxlint-disable-next-line no-await-in-loop -- a server each
      const { port } = await application(
        (app, pw) => app.use((_req, res) => void res.json(pw.principal())),
        {
          principal: async () => ({ user: "ada" }),
          ...(enterAs === undefined ? {} : { enterAs }),
        },
      );
      // oxlint-disable-next-line no-await-in-loop -- a server each
      expect(JSON.parse((await ask(port, as("acme"))).body)).toEqual(expected);
    }
  });

  it("types principal, authorize and routes by the request that is named once", async () => {
    const pw = await threeTenants();
    const app = express().use(
      tenancy(pw, {
        resolve: header("x-tenant"),
        principal: async (req: express.Request) => ({ name: req.get("x-user") ?? "nobody" }),
        authorize: ({ principal, req }) => principal.name === "ada" && req.protocol === "http",
      }),
    );
    app.use((_req, res) => void res.send(where(pw)));
    const headers = { "x-tenant": "acme", "x-user": "ada" };
    expect((await ask(await serve(app), { headers })).body).toBe("acme");
  });

  it("keeps what other middleware holds in its own asynchronous context", async () => {
    const trace = new AsyncLocalStorage<string>();
    const pw = await threeTenants();
    const app = express();
    app.use((_req, _res, next) => trace.run("trace-1", next));
    app.use(tenancy(pw, { resolve: header("x-tenant"), authorize: () => sleep(2, true) }));
    app.use(express.text());
    app.post("/", (_req, res) => {
      res.on("finish", () => undefined);
      res.send(`${where(pw)} ${trace.getStore()}`);
    });
    const headers = { "x-tenant": "acme", "content-type": "text/plain" };
    expect((await ask(await serve(app), { method: "POST", headers, body: "b" })).body).toBe(
      "acme trace-1",
    );
  });
});
