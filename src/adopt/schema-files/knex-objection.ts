import { columnsOf, primaryKeyOf, type TenantTable } from "./adopted.js";
import { classesOf, fieldCode, fieldsOf, staticMember } from "./class-members.js";
import { addToList } from "./drizzle-extra.js";
import { addMember } from "./list-edits.js";
import { columnOfKey, newKey, styleOf, type TablesByKey } from "./model-keys.js";
import type { ModuleFile, ModuleFiles } from "./module-files.js";
import {
  bare,
  keyOf,
  placeOf,
  propertyOf,
  stringOf,
  type Class,
  type Expression,
} from "./syntax.js";

interface Model {
  readonly file: ModuleFile;
  readonly class: Class;
  readonly adopted: TenantTable;
}

/** Edits the models of Objection, and gives the tables they stand for. */
export function editObjectionModels(modules: ModuleFiles, tables: TablesByKey): TenantTable[] {
  const models: Model[] = [];
  for (const file of modules.files) {
    for (const one of classesOf(file)) {
      const named = staticMember(one, "tableName");
      if (named === undefined) continue;
      const name = stringOf(named.value);
      if (name === undefined) {
        modules.note(
          file,
          named.member,
          one.id?.name ?? "tableName",
          "The table's name is not written out, so it is not known which it is. Edit the model by hand.",
        );
        continue;
      }
      const adopted = tables.find(name);
      if (adopted !== undefined) models.push({ file, class: one, adopted });
    }
  }
  for (const model of models) {
    if (models.filter(({ adopted }) => adopted === model.adopted).length > 1) {
      modules.note(
        model.file,
        model.class,
        model.class.id?.name ?? model.adopted.table.name,
        `Several models stand for the table ${model.adopted.table.name}. Bring them in line by hand.`,
      );
    } else editModel(model, modules);
  }
  return models.map(({ adopted }) => adopted);
}

function editModel(model: Model, modules: ModuleFiles): void {
  const { file, class: own, adopted } = model;
  const fields = fieldsOf(own).filter(({ typeAnnotation }) => !isRelation(typeAnnotation));
  const schema = staticMember(own, "jsonSchema");
  const given = propertyOf(schema?.value, "properties");
  const properties = given && bare(given);
  const listed =
    properties?.type === "ObjectExpression"
      ? properties.properties.flatMap((one) =>
          one.type === "ObjectProperty" ? (keyOf(one) ?? []) : [],
        )
      : [];
  const keys = [...fields.flatMap((field) => keyOf(field) ?? []), ...listed];
  const { tenant, table } = adopted;
  const isTenant = (key: string) => columnOfKey(key, table)?.name === tenant.name;
  const isCamel = styleOf(keys) === "camel" || modules.files.some(hasMappers);
  const key = keys.find(isTenant) ?? (isCamel ? newKey(tenant.name, keys) : tenant.name);
  if (file.isTyped && !fields.some((field) => isTenant(keyOf(field) ?? ""))) {
    const last = fields.at(-1);
    if (last !== undefined) {
      addMember(file, placeOf(own.body), last, fieldCode(file, last, key, "string"));
    }
  }
  if (properties?.type === "ObjectExpression") {
    if (!listed.some(isTenant)) {
      const last = properties.properties.at(-1);
      addToList(file, placeOf(properties), last && placeOf(last), [
        `${key}: { type: ${file.quote("string")} }`,
      ]);
    }
  } else if (schema !== undefined) {
    modules.note(
      file,
      schema.member,
      own.id?.name ?? table.name,
      `The properties of its jsonSchema are not written out. Add ${key} by hand.`,
    );
  }
  editId(model, key, modules);
}

/** Has a model whose key names the tenant say so, or what goes by its id would reach every tenant's row in `pw.system`. */
function editId({ file, class: own, adopted }: Model, key: string, modules: ModuleFiles): void {
  const { table, tenant } = adopted;
  const index = primaryKeyOf(table);
  const columns = index && columnsOf(index);
  if (columns?.includes(tenant.name) !== true) return;
  const declared = staticMember(own, "idColumn");
  const value = declared?.value;
  const written =
    declared === undefined
      ? ["id"]
      : value?.type === "ArrayExpression"
        ? value.elements.map((one) => stringOf(one as Expression))
        : [stringOf(value)];
  const said = written.map((one) => one && columnOfKey(one, table)?.name);
  const name = own.id?.name ?? table.name;
  if (said.includes(tenant.name)) return;
  const wanted = columns.filter((column) => column !== tenant.name);
  if (wanted.length !== said.length || !wanted.every((column) => said.includes(column))) {
    modules.note(
      file,
      declared?.member ?? own,
      name,
      `Have its idColumn be of ${columns.join(", ")}.`,
    );
    return;
  }
  const ids = [...written.map((one) => file.quote(one!)), file.quote(key)].join(", ");
  if (value !== undefined) {
    file.edits.replace(placeOf(value).start, placeOf(value).end, `[${ids}]`);
  } else {
    const beside = staticMember(own, "tableName")!;
    if (beside.isGetter) {
      addMember(
        file,
        placeOf(own.body),
        beside.member,
        `static get idColumn() { return [${ids}]; }`,
      );
    } else {
      addMember(file, placeOf(own.body), beside.member, `static idColumn = [${ids}]`);
    }
  }
  modules.note(
    file,
    own,
    name,
    `Its id is ${[...written, key].join(", ")} now, which findById() and $id() take together. findOne({ ${written[0]} }) finds a tenant's own by ${written.join(", ")} alone.`,
  );
}

const hasMappers = ({ text }: ModuleFile) => /nakeCaseMappers\(/.test(text);

// Rows of other models, which stand among the fields.
function isRelation(annotation: unknown): boolean {
  const type = (annotation as { typeAnnotation?: { type?: string } } | null)?.typeAnnotation;
  return type?.type === "TSArrayType";
}
