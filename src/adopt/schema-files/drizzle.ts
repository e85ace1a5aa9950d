import { TenantTables, label, isSame, type AdoptedDatabase } from "./adopted.js";
import { DrizzleImports } from "./drizzle-imports.js";
import { DrizzlePolicies } from "./drizzle-policies.js";
import {
  parser,
  readDrizzle,
  type DrizzleCasing,
  type DrizzleFile,
  type DrizzleTable,
  type DrizzleView,
} from "./drizzle-source.js";
import { DrizzleTableEdits } from "./drizzle-table.js";
import { camelCase } from "./names.js";
import { propertyOf, bare } from "./syntax.js";
import { lineAt, type SchemaEdits, type SchemaNote, type SourceFile } from "./text-edits.js";

/**
 * Edits the files of a Drizzle schema so that drizzle-kit finds nothing to do in the adopted database: tenant columns,
 * keys, indexes, foreign keys, policies, and views that read under the rights of who asks. Comments and layout stay.
 * What cannot be edited safely is left and noted. Doing it again changes nothing. Throws `PW_CONFIG` for a file that
 * is no TypeScript.
 *
 * @param casing the `casing` of the application's `drizzle()` and drizzle.config.ts, if it has one
 *
 * @example
 * ```ts
 * import { editDrizzleSchema, type AdoptedDatabase, type SourceFile } from "partywall/adopt";
 *
 * async function edit(files: SourceFile[], database: AdoptedDatabase) {
 *   const { files: changed, notes } = await editDrizzleSchema(files, database);
 *   for (const note of notes) console.warn(`${note.path}:${note.line} ${note.object}: ${note.text}`);
 *   return changed; // to be written back
 * }
 * console.log(typeof edit); // function
 * ```
 */
export async function editDrizzleSchema(
  files: readonly SourceFile[],
  database: AdoptedDatabase,
  casing?: DrizzleCasing,
): Promise<SchemaEdits> {
  const source = await readDrizzle(files, casing);
  const tables = new TenantTables(database);
  const notes: SchemaNote[] = [...source.notes];
  const found = new Set<object>();

  const keyFor = (table: DrizzleTable, column: string): string | undefined => {
    const known = table.columns.find(({ name }) => name === column);
    if (known) return known.key;
    return tables.find(table)?.tenant.name === column ? newKey(table, column) : undefined;
  };

  for (const file of source.files) {
    const imports = new DrizzleImports(file);
    const policies = new DrizzlePolicies(file, imports);
    const resolve = (variable: string) =>
      resolved(source.tables, file, imports.exportedName(variable));
    for (const table of source.tables) {
      const adopted = tables.find(table);
      if (table.file !== file || adopted === undefined) continue;
      found.add(adopted);
      new DrizzleTableEdits(table, adopted, {
        tables,
        imports,
        policies,
        resolve,
        keyFor,
        note: (note) => notes.push(note),
      }).write();
    }
    for (const view of source.views) {
      if (view.file === file) editView(view, database, notes);
    }
    imports.write();
    policies.write();
  }
  for (const adopted of tables) {
    if (found.has(adopted)) continue;
    notes.push({
      object: label(adopted.table),
      text: "No schema file declares this table, so there was nothing to edit.",
    });
  }
  const parse = await parser();
  const changed = source.files.flatMap(({ path, edits }): SourceFile[] => {
    if (edits.isEmpty) return [];
    const content = edits.apply();
    try {
      parse(path, content);
      return [{ path, content }];
    } catch {
      notes.push({
        path,
        object: path,
        text: "The edits would have broken this file, so it was left as it is. Edit it by hand.",
      });
      return [];
    }
  });
  return { files: changed, notes };
}

function newKey(table: DrizzleTable, column: string): string {
  const keys = table.columns.map(({ key }) => key);
  const isSnake =
    keys.some((key) => key.includes("_")) && !keys.some((key) => /[a-z][A-Z]/.test(key));
  const wanted = isSnake ? column.replaceAll(/[^\p{L}\p{N}_$]/gu, "_") : camelCase(column);
  let key = wanted;
  for (let n = 2; keys.includes(key); n += 1) key = `${wanted}${n}`;
  return key;
}

function resolved(tables: readonly DrizzleTable[], file: DrizzleFile, variable: string) {
  const named = tables.filter((table) => table.variable === variable);
  // A name that two files use means this file's own; otherwise it is not known which.
  return named.find((table) => table.file === file) ?? (named.length === 1 ? named[0] : undefined);
}

function editView(view: DrizzleView, database: AdoptedDatabase, notes: SchemaNote[]): void {
  const adopted = database.schema.views.find((one) => isSame(one, view));
  const { base, calls, place } = view.call;
  if (!adopted?.securityInvoker || calls.some(({ name }) => name === "existing")) return;
  const given = calls.find(({ name }) => name === "with");
  if (given) {
    const [options] = given.arguments;
    if (propertyOf(options && bare(options), "securityInvoker")) return;
    notes.push({
      path: view.file.path,
      line: lineAt(view.file.text, place.start),
      object: view.name,
      text: "Add securityInvoker: true to the view's .with().",
    });
    return;
  }
  view.file.edits.insert(base.place.end, ".with({ securityInvoker: true })");
}
