import { PartywallError } from "../../errors.js";
import type { SqlClient } from "../../guards/postgres/ddl/catalog.js";
import { quoteIdentifier } from "../../guards/postgres/ddl/identifier.js";
import { copiedRows } from "./clone-rows.js";
import { inOrderOfCreation, type Creation, type Need } from "./creation-order.js";
import { NOT_CLONEABLE, TEMPLATE_NEEDS, templateObjects } from "./template-objects.js";

/** A schema that new ones are copies of. */
export interface SchemaTemplate {
  /** Name of the schema. */
  readonly schema: string;
  /** The tables whose rows are copied too, or all of them; none unless told. */
  readonly rows?: "all" | readonly string[];
}

/**
 * Fills an empty schema with all that is in a template, so that nothing of it refers to the template: sequences,
 * defaults, keys, views, functions, triggers, types and comments are the clone's own. Runs in the transaction that is
 * open. Throws `PW_CONFIG` for a template that is not there or holds what cannot be cloned, before anything is created.
 *
 * @param tenant whose id the rows get in their tenant column; they keep what they have without it
 */
export async function cloneSchema(
  client: SqlClient,
  template: SchemaTemplate,
  clone: string,
  tenant: { readonly column: string; readonly id?: string | undefined },
): Promise<void> {
  const { rows } = await client.query(
    "select oid from pg_catalog.pg_namespace where nspname = $1",
    [template.schema],
  );
  const oid = rows[0]?.["oid"];
  if (oid === undefined) throw refused(template, "is not in this database");
  await client.query(`set local search_path = ${quoteIdentifier(template.schema)}, pg_temp`);
  const name = template.schema.replaceAll(/[^a-zA-Z0-9_]/g, String.raw`\$&`);
  const fault = await client.query(NOT_CLONEABLE, [
    oid,
    String.raw`(^|[^[:alnum:]_$])"?${name}"?\s*\.`,
  ]);
  if (fault.rows[0] !== undefined) {
    throw refused(template, `holds what cannot be cloned: ${String(fault.rows[0]["what"])}`);
  }
  const creations: Creation[] = [];
  for (const sql of templateObjects(template.schema, clone)) {
    const found = await client.query(sql, [oid]);
    creations.push(...(found.rows as unknown as Creation[]));
  }
  const copies = await copiedRows(client, template, oid, clone, tenant);
  const needs = (await client.query(TEMPLATE_NEEDS, [oid])).rows as unknown as Need[];
  const { ordered, circular } = inOrderOfCreation(
    [...creations, ...copies],
    [...needs, ...copies.map(({ key, needs: table }) => ({ key, needs: table }))],
  );
  if (circular.length > 0) {
    throw refused(template, `holds objects that need each other (${circular.join(", ")})`);
  }
  await client.query(
    [
      `set local search_path = ${quoteIdentifier(clone)}, pg_temp`,
      "set local check_function_bodies = off",
      // Rows that a policy hides would be missing in the clone; so they are an error.
      "set local row_security = off",
      ...ordered.map(({ sql }) => sql),
      "reset row_security",
      "reset check_function_bodies",
      "reset search_path",
    ].join(";\n"),
  );
}

function refused({ schema }: SchemaTemplate, what: string): PartywallError {
  return new PartywallError(
    "PW_CONFIG",
    `The template schema ${JSON.stringify(schema)} ${what}. Nothing was cloned. Mend the template: what all tenants share belongs into a schema of its own, and names inside the template are written without it.`,
  );
}
