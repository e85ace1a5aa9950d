import pg from "pg";
import { exportTenant, type Premises } from "partywall/tenants";
import { testDatabase } from "../../support/postgres.js";
import { buildSite, type Site } from "../../guards/postgres/site.js";

/** A site with as many clients as are asked for, and databases beside it. */
export type Estate = Awaited<ReturnType<typeof buildEstate>>;

/** Builds a site; everything that is opened through it is closed with it. */
export async function buildEstate(ddl = "") {
  const site: Site = await buildSite(ddl);
  const clients: pg.Client[] = [];
  const databases: Awaited<ReturnType<typeof testDatabase>>[] = [];
  const connect = async (url = site.database.url) => {
    const client = new pg.Client({ connectionString: url });
    // What is killed on purpose must not end the test run.
    client.on("error", () => undefined);
    await client.connect();
    clients.push(client);
    return client;
  };
  return {
    ...site,
    connect,
    /** The premises of a tenant among the rows of the site, with a client of their own. */
    row: async (tenantId: string): Promise<Premises & { client: pg.Client }> => ({
      client: await connect(),
      strategy: "row",
      tenantId,
    }),
    /** The premises of a tenant in a schema of the site, with a client of their own. */
    schema: async (
      schema: string,
      tenantId: string,
    ): Promise<Premises & { client: pg.Client }> => ({
      client: await connect(),
      strategy: "schema",
      schema,
      tenantId,
    }),
    /** The premises of a tenant in a database of its own. */
    alone: async (tenantId: string, script: string): Promise<Premises & { client: pg.Client }> => {
      const database = await testDatabase();
      databases.push(database);
      const client = await connect(database.url);
      await client.query(script);
      return { client, strategy: "database", tenantId };
    },
    /** Every row of a table as it really is, in a fixed order. */
    rows: async (table: string, where = "true", columns = "whole::text as row") =>
      (
        await site.superuser.query(
          `select ${columns} from ${table} whole where ${where} order by 1`,
        )
      ).rows,
    close: async () => {
      for (const client of clients) await client.end().catch(() => undefined);
      for (const database of databases) await database.drop();
      await site.close();
    },
  };
}

/** A whole archive as a text. */
export async function archiveOf(premises: Premises): Promise<string> {
  let text = "";
  for await (const chunk of exportTenant(premises)) text += chunk;
  return text;
}

/** A text as an archive that comes in pieces of any length. */
export async function* pieces(text: string, size = 997): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Whether a client is in no transaction and answers. */
export async function isClean(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query(
    "select now() = statement_timestamp() as alone, current_setting('search_path') <> 'pg_catalog, pg_temp' as free",
  );
  return rows[0].alone && rows[0].free;
}
