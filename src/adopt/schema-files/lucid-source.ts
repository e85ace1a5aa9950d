import type { TenantTable, TenantTables } from "./adopted.js";
import { classesOf, fieldsOf, staticMember, type Field } from "./class-members.js";
import { columnOfKey, tablesOfModel } from "./model-keys.js";
import type { ModuleFile, ModuleFiles } from "./module-files.js";
import {
  bare,
  keyOf,
  placeOf,
  propertyOf,
  stringOf,
  type Class,
  type Expression,
  type Syntax,
} from "./syntax.js";

/** A property of a model that is a column. */
export interface LucidColumn {
  readonly key: string;
  /** Its name in the database. */
  readonly name: string;
  readonly field: Field;
  /** The decorator, without its `@`: `column({ isPrimary: true })`. */
  readonly decorator: Expression;
}

/** A model of Lucid that stands for a tenant table. */
export interface LucidModel {
  readonly file: ModuleFile;
  readonly name: string;
  readonly class: Class;
  readonly adopted: TenantTable;
  readonly columns: readonly LucidColumn[];
  /** The list of its columns that a generated class has. */
  readonly listed: Syntax<"ArrayExpression"> | undefined;
}

/** Finds the models: classes with a `@column()`. One whose table is not written out is noted. */
export function readLucid(modules: ModuleFiles, tables: TenantTables): LucidModel[] {
  return modules.files.flatMap((file) =>
    classesOf(file).flatMap((one): LucidModel[] => {
      const decorated = fieldsOf(one).flatMap((field) => {
        const decorator = columnDecorator(field, file);
        const key = keyOf(field);
        return decorator && key !== undefined ? [{ field, decorator, key }] : [];
      });
      if (decorated.length === 0) return [];
      const name = one.id?.name ?? "class";
      const given = staticMember(one, "$columns")?.value;
      const list = given && bare(given);
      const listed = list?.type === "ArrayExpression" ? list : undefined;
      const adopted = tableOf(one, name, listed !== undefined, file, modules, tables);
      if (adopted === undefined) return [];
      const columns = decorated.map(({ field, decorator, key }) => {
        const options =
          decorator.type === "CallExpression" ? (decorator.arguments[0] as Expression) : undefined;
        const written = stringOf(propertyOf(options && bare(options), "columnName"));
        return {
          field,
          decorator,
          key,
          name: written ?? columnOfKey(key, adopted.table)?.name ?? key,
        };
      });
      return [{ file, name, class: one, adopted, columns, listed }];
    }),
  );
}

function tableOf(
  one: Class,
  name: string,
  isGenerated: boolean,
  file: ModuleFile,
  modules: ModuleFiles,
  tables: TenantTables,
): TenantTable | undefined {
  const written = staticMember(one, "table");
  if (written !== undefined) {
    const table = stringOf(written.value);
    if (table === undefined) {
      modules.note(
        file,
        written.member,
        name,
        "The table's name is not written out, so it is not known which it is. Edit the model by hand.",
      );
      return undefined;
    }
    const parts = table.split(".");
    return tables.find({ name: parts.pop()!, schema: parts.join(".") || "public" });
  }
  const model = isGenerated ? name.replace(/Schema$/, "") : name;
  const candidates = tablesOfModel(model, tables);
  if (candidates.length > 1) {
    modules.note(
      file,
      one,
      name,
      `The model may stand for any of the tables ${candidates.map(({ table }) => table.name).join(", ")}. Say static table, or edit it by hand.`,
    );
    return undefined;
  }
  return candidates[0];
}

/** `column()`, `column.dateTime()` among the decorators of a field. */
function columnDecorator({ decorators }: Field, file: ModuleFile): Expression | undefined {
  return decorators
    ?.map(({ expression }) => expression)
    .find((expression) => {
      const { start, end } = placeOf(expression);
      return /^column\b/.test(file.text.slice(start, end));
    });
}
