import pg from "pg";
import { applyWall } from "partywall/guards/postgres";
import { TABLE_NAMES, TABLES } from "../../src/testing/conformance/tables.js";
import { tenantIds } from "../support/rows.js";

/** How much data there is. */
export interface LibrarySize {
  readonly tenants: number;
  /** Of each tenant. */
  readonly authors: number;
  /** Of each author. */
  readonly books: number;
}

/** A row that is asked for. */
export interface Wanted {
  readonly tenant: string;
  readonly id: number;
}

/** The same rows twice: without a wall, and behind it. Connection strings by who connects. */
export interface LibraryUrls {
  /** A login of ordinary rights where nothing is walled. */
  readonly raw: string;
  readonly app: string;
  readonly system: string;
  /** Looks past the guard. */
  readonly superuser: { readonly raw: string; readonly walled: string };
}

const AUTHORS = `insert into authors (tenant_id, id, name)
select t, (place - 1) * $2 + n, 'author ' || (place - 1) * $2 + n
from unnest($1::uuid[]) with ordinality tenants(t, place), generate_series(1, $2::int) n`;
const BOOKS = `insert into books (tenant_id, title, author_id)
select tenant_id, 'book ' || n || ' of ' || id, id from authors, generate_series(1, $1) n`;

/** The titles of an author's books. */
export const titlesOf = (id: number, { books }: LibrarySize): string[] =>
  Array.from({ length: books }, (_, n) => `book ${n + 1} of ${id}`);

/** Asks for another author of another tenant each time. */
export function wantedAuthors(size: LibrarySize): () => Wanted {
  const tenants = tenantIds({ tenants: size.tenants, rowsPerTenant: 0 });
  let n = 0;
  return () => {
    n += 1;
    const at = (n * 7919) % tenants.length;
    return {
      tenant: tenants[at] as string,
      id: at * size.authors + 1 + ((n * 104_729) % size.authors),
    };
  };
}

/** Builds both databases and the logins. */
export async function buildLibrary(
  serverUrl: string,
  size: LibrarySize,
): Promise<{ readonly urls: LibraryUrls; readonly close: () => Promise<void> }> {
  const name = `bench_${process.pid}`;
  const at = (database: string, user?: string) => {
    const url = new URL(serverUrl);
    url.pathname = database;
    if (user !== undefined) [url.username, url.password] = [user, "secret"];
    return url.href;
  };
  const roles = { app: `${name}_app`, system: `${name}_system`, owner: `${name}_owner` };
  const raw = `${name}_raw`;
  const walled = `${name}_walled`;
  const server = new pg.Client({ connectionString: serverUrl });
  await server.connect();
  for (const role of [raw, roles.app, roles.system]) {
    await server.query(`create role ${role} login password 'secret'`);
    // The wall takes this from its login, and it costs; nobody is to win or lose by it.
    await server.query(`alter role ${role} set track_activities = off`);
  }
  for (const database of [raw, walled]) {
    await server.query(`create database ${database} template template0`);
    const client = new pg.Client({ connectionString: at(database) });
    await client.connect();
    try {
      await client.query(TABLES);
      const tenants = tenantIds({ tenants: size.tenants, rowsPerTenant: 0 });
      await client.query(AUTHORS, [tenants, size.authors]);
      await client.query(BOOKS, [size.books]);
      if (database === raw) {
        await client.query(
          `grant select, insert, update, delete on all tables in schema public to ${raw}`,
        );
      } else {
        await applyWall(client, { roles, tables: [...TABLE_NAMES] });
      }
      await client.query("vacuum analyze");
    } finally {
      await client.end();
    }
  }
  return {
    urls: {
      raw: at(raw, raw),
      app: at(walled, roles.app),
      system: at(walled, roles.system),
      superuser: { raw: at(raw), walled: at(walled) },
    },
    close: async () => {
      for (const database of [raw, walled]) {
        await server.query(`drop database ${database} with (force)`);
      }
      await server.query(`revoke set on parameter backtrace_functions from ${roles.owner}`);
      for (const role of [raw, ...Object.values(roles)]) await server.query(`drop role ${role}`);
      await server.end();
    },
  };
}
