import type pg from "pg";
import { readSchema } from "../../../src/adopt/read-schema.js";

/** All that the catalogue says of the tables of an application, as a text in which nothing but a change changes. */
export async function catalogue(client: pg.Client): Promise<string> {
  const { tables, views, routines } = await readSchema(client, ["public"]);
  const { rows: grants } = await client.query(
    "select c.oid::regclass::text as name, relacl::text as acl from pg_class c where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'S') order by 1",
  );
  const own = tables.map(({ estimatedRows: _, bytes: __, ...table }) => table);
  return JSON.stringify({ own, views, routines, grants }, undefined, 1);
}
