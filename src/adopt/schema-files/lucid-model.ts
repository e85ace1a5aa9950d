import { primaryKeyOf } from "./adopted.js";
import { fieldCode } from "./class-members.js";
import { addMember } from "./list-edits.js";
import type { LucidColumn, LucidModel } from "./lucid-source.js";
import { newKey, snakeCase } from "./model-keys.js";
import type { ModuleFiles } from "./module-files.js";
import { placeOf } from "./syntax.js";
import { indentAt, lineEnd } from "./text-edits.js";

/** Gives a model its tenant column. */
export function editLucidModel(model: LucidModel, modules: ModuleFiles): void {
  const { tenant, table } = model.adopted;
  const existing = model.columns.find(({ name }) => name === tenant.name);
  if (existing !== undefined) notNull(model, existing);
  else if (model.listed === undefined) addColumn(model);
  else addGenerated(model, model.listed);
  if (model.listed === undefined) return;
  // The generator takes the first of a key's columns, in the order of the table, for the whole.
  const key = primaryKeyOf(table)?.keys.map(({ column }) => column) ?? [];
  const [first] = table.columns.filter(({ name }) => key.includes(name));
  if (key.length > 1 && first?.name === tenant.name) {
    modules.note(
      model.file,
      model.class,
      model.name,
      `schema:generate takes ${tenant.name} for the primary key. Name another in the schema rules: tables: { ${table.name}: { primaryKey: … } }.`,
    );
  }
}

function addColumn({ file, class: own, columns, adopted }: LucidModel): void {
  const { tenant } = adopted;
  const key = newKey(
    tenant.name,
    columns.map((column) => column.key),
  );
  const options = [
    ...(snakeCase(key) === tenant.name ? [] : [`columnName: ${file.quote(tenant.name)}`]),
    // What the application gives out stays what it was.
    "serializeAs: null",
  ];
  const last = columns.at(-1)!.field;
  const type = tenant.type === "bigint" ? "bigint | number" : "string";
  const { start } = placeOf(last);
  const end = lineEnd(file.text);
  const indent = indentAt(file.text, start);
  const isParted = columns.length > 1 && /\n\s*\n\s*$/.test(file.text.slice(0, start));
  const isOneLine = !file.text.slice(start, placeOf(last.key).start).includes("\n");
  const decorator = `@column({ ${options.join(", ")} })${isOneLine ? " " : `${end}${indent}`}`;
  const code = `${decorator}${fieldCode(file, last, key, type)}`;
  addMember(file, placeOf(own.body), last, code, { isParted });
}

/** A column of a generated class, where and as the generator would put it. */
function addGenerated(
  { file, class: own, columns, adopted }: LucidModel,
  listed: NonNullable<LucidModel["listed"]>,
): void {
  const { tenant } = adopted;
  const key = newKey(
    tenant.name,
    columns.map((column) => column.key),
  );
  const before = columns.findLast(({ name }) => name.localeCompare(tenant.name) < 0);
  const type = tenant.type === "bigint" ? "bigint | number" : "string";
  const indent = indentAt(file.text, placeOf(columns[0]!.field).start);
  const code = `@column()${lineEnd(file.text)}${indent}declare ${key}: ${type}`;
  if (before === undefined) {
    const { start } = placeOf(columns[0]!.field);
    file.edits.insert(start, `${code}${lineEnd(file.text)}${indent}`);
  } else addMember(file, placeOf(own.body), before.field, code);
  const quoted = `'${key}'`;
  const at = before === undefined ? -1 : columns.indexOf(before);
  const element = listed.elements[at];
  const first = listed.elements[0];
  if (element) file.edits.insert(placeOf(element).end, `, ${quoted}`);
  else if (first) file.edits.insert(placeOf(first).start, `${quoted}, `);
}

function notNull({ file, adopted }: LucidModel, { field }: LucidColumn): void {
  if (!adopted.tenant.notNull) return;
  const annotation = field.typeAnnotation;
  if (annotation?.type !== "TSTypeAnnotation") return;
  const type = annotation.typeAnnotation;
  if (type.type !== "TSUnionType") return;
  const kept = type.types
    .filter((part) => part.type !== "TSNullKeyword")
    .map((part) => file.text.slice(placeOf(part).start, placeOf(part).end));
  if (kept.length === type.types.length) return;
  file.edits.replace(placeOf(type).start, placeOf(type).end, kept.join(" | "));
}
