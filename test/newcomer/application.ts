/** The tables of the application, as its own migration made them. */
export const MIGRATION = `
create table "authors" (
  "id" uuid primary key default gen_random_uuid(),
  "email" text not null unique);
create table "notes" (
  "id" integer primary key generated always as identity,
  "author_id" uuid not null references "authors" ("id"),
  "title" text not null,
  "written_at" timestamp with time zone not null default now());
create table "comments" (
  "id" serial primary key,
  "note_id" integer not null references "notes" ("id") on delete cascade,
  "body" text not null);
create index "notes_written_at" on "notes" ("written_at");
create table "languages" ("code" text primary key, "name" text not null);
`;

/** The rows that its only customer has. */
export const ROWS = `
insert into "languages" values ('de', 'Deutsch'), ('en', 'English'), ('fr', 'français');
insert into "authors" ("id", "email") values
  ('0a4e2c0e-5f0a-4bb5-8f53-6b8f0c4f5d01', 'ada@example.com'),
  ('0a4e2c0e-5f0a-4bb5-8f53-6b8f0c4f5d02', 'grace@example.com');
insert into "notes" ("author_id", "title")
  select case when n % 2 = 0 then '0a4e2c0e-5f0a-4bb5-8f53-6b8f0c4f5d01'::uuid
              else '0a4e2c0e-5f0a-4bb5-8f53-6b8f0c4f5d02' end, 'former note ' || n
  from generate_series(1, 20) n;
insert into "comments" ("note_id", "body") select n, 'former comment on ' || n from generate_series(1, 20) n;
`;

/** An Express application on Drizzle as somebody writes it who has one customer. */
export const APPLICATION: Readonly<Record<string, string>> = {
  "package.json": `{
  "name": "notebook",
  "private": true,
  "type": "module",
  "scripts": { "start": "node --env-file=.env --import tsx src/server.ts" },
  "dependencies": { "drizzle-orm": "^0.45.0", "express": "^5.0.0", "partywall": "*", "pg": "^8.23.0" },
  "devDependencies": { "drizzle-kit": "^0.31.0", "tsx": "^4.0.0", "typescript": "^7.0.0" }
}
`,
  ".gitignore": "node_modules\n.env\n",
  "tsconfig.json": `{
  // As strict as it goes.
  "compilerOptions": {
    "target": "es2022",
    "module": "nodenext",
    "strict": true,
    "exactOptionalPropertyTypes": true,
    "noPropertyAccessFromIndexSignature": true,
    "noUncheckedIndexedAccess": true,
    "noUnusedLocals": true,
    "verbatimModuleSyntax": true,
    "skipLibCheck": true,
    "noEmit": true,
    "types": ["node"],
  },
  "include": ["src", "partywall.config.ts"],
}
`,
  "drizzle.config.ts": `import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "postgresql",
  schema: "./src/schema.ts",
  out: "./drizzle",
  dbCredentials: { url: process.env["DATABASE_URL"]! },
});
`,
  "src/schema.ts": `import { integer, pgTable, serial, text, timestamp, uuid } from "drizzle-orm/pg-core";

export const languages = pgTable("languages", { code: text().primaryKey(), name: text().notNull() });

export const authors = pgTable("authors", {
  id: uuid().primaryKey().defaultRandom(),
  email: text().notNull().unique(),
});

export const notes = pgTable("notes", {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  authorId: uuid("author_id")
    .notNull()
    .references(() => authors.id),
  title: text().notNull(),
  writtenAt: timestamp("written_at", { withTimezone: true }).notNull().defaultNow(),
});

export const comments = pgTable("comments", {
  id: serial().primaryKey(),
  noteId: integer("note_id")
    .notNull()
    .references(() => notes.id, { onDelete: "cascade" }),
  body: text().notNull(),
});
`,
  "src/db.ts": `import { drizzle } from "drizzle-orm/node-postgres";
import pg from "pg";
import * as schema from "./schema.js";

const { Pool } = pg;

// One pool for the whole process.
const pool = new Pool({
  connectionString: process.env["DATABASE_URL"],
  max: 4,
});

export const db = drizzle({ client: pool, schema });
`,
  "src/notes.ts": `import { desc, eq, sql } from "drizzle-orm";
import { Router } from "express";
import { db } from "./db.js";
import { authors, comments, languages, notes } from "./schema.js";

export const router = Router();

router.get("/languages", async (_req, res) => {
  res.json(await db.select().from(languages).orderBy(languages.code));
});

router.get("/notes", async (_req, res) => {
  res.json(
    await db
      .select({ id: notes.id, title: notes.title, author: authors.email })
      .from(notes)
      .innerJoin(authors, eq(authors.id, notes.authorId))
      .orderBy(desc(notes.id)),
  );
});

router.get("/notes/:id", async (req, res) => {
  const note = await db.query.notes.findFirst({ where: eq(notes.id, Number(req.params.id)) });
  if (!note) return void res.status(404).json({ detail: "No such note." });
  const found = await db.select().from(comments).where(eq(comments.noteId, note.id));
  res.json({ ...note, comments: found.map(({ body }) => body) });
});

router.post("/notes", async (req, res) => {
  const { email, title, comment } = req.body as { email: string; title: string; comment: string };
  const note = await db.transaction(async (tx) => {
    await tx.insert(authors).values({ email }).onConflictDoNothing();
    const [author] = await tx.select().from(authors).where(eq(authors.email, email));
    const [made] = await tx.insert(notes).values({ authorId: author!.id, title }).returning();
    await tx.insert(comments).values({ noteId: made!.id, body: comment });
    return made!;
  });
  res.status(201).json(note);
});

router.put("/notes/:id", async (req, res) => {
  const { title } = req.body as { title: string };
  const changed = await db
    .update(notes)
    .set({ title })
    .where(eq(notes.id, Number(req.params.id)))
    .returning();
  res.json({ changed: changed.length });
});

router.delete("/notes", async (_req, res) => {
  const gone = await db.delete(notes).returning();
  res.json({ gone: gone.length });
});

// As it should never be written.
router.get("/search", async (req, res) => {
  const { rows } = await db.execute(sql.raw(\`select title from notes where title like '%\${String(req.query["q"])}%'\`));
  res.json(rows);
});
`,
  "src/app.ts": `import express from "express";
import { router } from "./notes.js";

export const app = express();
app.disable("x-powered-by");
app.use(express.json());

app.get("/health", (_req, res) => {
  res.json({ ok: true });
});
app.use(router);
`,
  "src/server.ts": `import { app } from "./app.js";

const server = app.listen(Number(process.env["PORT"]), "127.0.0.1", () => {
  console.log("listening");
});
process.once("SIGTERM", () => server.close(() => process.exit(0)));
`,
};
