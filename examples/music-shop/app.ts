import { createHash, timingSafeEqual } from "node:crypto";
import { count, eq, sql, sum } from "drizzle-orm";
import express from "express";
import { PartywallError } from "partywall";
import { tenancy } from "partywall/frameworks/express";
import { header, subdomain } from "partywall/resolvers";
import { jwt } from "partywall/resolvers/jwt";
import * as schema from "./database/schema.js";
import { orderFrom, placeOrder } from "./orders.js";
import type { Secrets } from "./secrets.js";
import type { Shop } from "./shop.js";

/** The application. No handler names a tenant. */
export function application({ pw, db }: Shop, secrets: Secrets): express.Express {
  const { albums, artists, genres, orderLines, orders } = schema;
  const app = express();
  app.disable("x-powered-by");

  app.get("/", (_req, res) => {
    res
      .type("text/plain")
      .send("A music shop with several tenants. See the terminal for what to ask.\n");
  });

  // A handler somebody mounted in front of the tenancy: it has no scope, and gets an error instead of everybody's rows.
  app.get("/forgotten", async (_req, res) => {
    res.json(await db.select().from(albums));
  });

  app.use(
    tenancy(pw, {
      resolve: [
        subdomain("localhost"),
        header("x-tenant"),
        jwt({ key: Buffer.from(secrets.jwt), issuer: "music-shop" }),
      ],
      principal: (req: express.Request) => req.get("x-api-key"),
      // A verified token is the proof itself; a subdomain or a header is a claim that the tenant's key must back.
      authorize: ({ tenant, identifiers, principal }) =>
        identifiers.some(({ resolver }) => resolver === "jwt") ||
        isSame(principal, secrets.apiKeys[tenant.slug]),
      routes: (req) => (req.path === "/genres" ? "central" : "tenant"),
      onRefusal: ({ error }) => console.log(`refused: ${error.code}`),
    }),
  );
  app.use(express.json({ limit: "16kb" }));

  app.get("/genres", async (_req, res) => {
    res.json(await db.select().from(genres).orderBy(genres.id));
  });

  app.get("/whoami", (_req, res) => {
    res.json(pw.current());
  });

  app.get("/albums", async (_req, res) => {
    res.json(
      await db
        .select({ id: albums.id, title: albums.title, artist: artists.name, genre: genres.name })
        .from(albums)
        .innerJoin(artists, eq(albums.artistId, artists.id))
        .innerJoin(genres, eq(albums.genreId, genres.id))
        .orderBy(albums.id),
    );
  });

  app.get("/orders", async (_req, res) => {
    res.json(
      await db
        .select({
          id: orders.id,
          customerId: orders.customerId,
          placedAt: orders.placedAt,
          tracks: count(orderLines.trackId),
          cents: sum(orderLines.priceCents).mapWith(Number),
        })
        .from(orders)
        .innerJoin(orderLines, eq(orderLines.orderId, orders.id))
        .groupBy(orders.tenantId, orders.id)
        .orderBy(orders.id),
    );
  });

  app.post("/orders", async (req, res) => {
    const order = orderFrom(req.body);
    if (order === undefined) {
      res.status(400).json({ detail: 'Send { "customerId": 1, "trackIds": [1, 2] }.' });
      return;
    }
    const placed = await placeOrder(db, order);
    if (placed === undefined)
      res.status(422).json({ detail: "No such customer or track in this shop." });
    else res.status(201).json(placed);
  });

  // Vulnerable on purpose: never build SQL like this. The wall holds although the statement is the attacker's.
  app.get("/search", async (req, res) => {
    const q = typeof req.query["q"] === "string" ? req.query["q"] : "";
    const { rows } = await db.execute(
      sql.raw(`select id, title, year from albums where title ilike '%${q}%' order by id`),
    );
    res.json(rows);
  });

  app.use(answerError);
  return app;
}

function isSame(given: string | undefined, expected: string | undefined): boolean {
  if (given === undefined || expected === undefined) return false;
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

/** Express tells an error handler by its four parameters. */
function answerError(
  error: unknown,
  _req: express.Request,
  res: express.Response,
  next: express.NextFunction,
): void {
  if (res.headersSent) return next(error);
  // Drizzle puts the database's own error into `cause`; its own message holds parameters.
  for (let at = error; at instanceof Error; at = at.cause) {
    const code = (at as { code?: unknown }).code;
    if (at instanceof PartywallError) {
      console.log(`error: ${at.code}: ${at.message}`);
      res.status(at.status).json({ code: at.code, ...(at.expose && { detail: at.message }) });
      return;
    }
    // SQLSTATE of PostgreSQL.
    if (typeof code === "string" && "severity" in at) {
      console.log(`error: PostgreSQL ${code}: ${at.message}`);
      res.status(500).json({ code, detail: at.message });
      return;
    }
  }
  const status = (error as { status?: unknown } | null)?.status;
  // Express' own: a body that is no JSON, an address that cannot be decoded.
  if (typeof status === "number" && status >= 400 && status < 500) {
    res.status(status).json({ detail: "The request cannot be read." });
    return;
  }
  console.error(error);
  res.status(500).json({ detail: "Something went wrong." });
}
