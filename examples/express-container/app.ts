import express from "express";
import { partywallErrorOf } from "partywall";
import { tenancy } from "partywall/frameworks/express";
import { subdomain } from "partywall/resolvers";
import { roleOf, type Goals } from "../goals-database.js";
import type { Containers } from "./containers.js";
import type { GoalService } from "./goals.js";

/** The application. A handler asks the container of its request for a service, and no service names a tenant. */
export function application(pw: Goals, containers: Containers): express.Express {
  const app = express();
  app.disable("x-powered-by");
  app.get("/health", (_req, res) => void res.json({ ok: true }));

  app.use(
    tenancy(pw, {
      resolve: subdomain("localhost"),
      // Stands for a login: never believe a header.
      principal: (req: express.Request) => req.get("x-user") ?? "",
      authorize: ({ tenant, principal }) => roleOf(tenant.slug, principal) !== undefined,
      enterAs: ({ tenant, principal }) => ({
        name: principal,
        role: roleOf(tenant.slug, principal),
      }),
    }),
  );
  app.use(express.json({ limit: "16kb" }));
  app.use((_req, res, next) => {
    res.locals["goals"] = containers.openFor(res).get<GoalService>("goals");
    next();
  });
  const goalsOf = (res: express.Response) => res.locals["goals"] as GoalService;

  app.get("/goals", async (_req, res) => {
    res.json(await goalsOf(res).list());
  });
  app.post("/goals", async (req, res) => {
    const title = (req.body as { title?: unknown } | undefined)?.title;
    if (typeof title !== "string") res.status(400).json({ detail: "Send a title." });
    else res.status(201).json(await goalsOf(res).add(title));
  });
  app.delete("/goals", async (_req, res) => {
    res.sendStatus((await goalsOf(res).clear()) ? 204 : 403);
  });

  // A mistake on purpose: the first request's service is kept for all that follow.
  let kept: GoalService | undefined;
  app.get("/kept", async (_req, res) => {
    kept ??= goalsOf(res);
    res.json(await kept.list());
  });

  app.use(answerError);
  return app;
}

/** Express tells an error handler by its four parameters. */
function answerError(
  error: unknown,
  _req: express.Request,
  res: express.Response,
  next: express.NextFunction,
): void {
  if (res.headersSent) return next(error);
  const wall = partywallErrorOf(error);
  console.error(wall === undefined ? error : `${wall.code}: ${wall.message}`);
  res.status(wall?.status ?? 500).json({ code: wall?.code ?? "ERROR" });
}
