import type { TenantTable, TenantTables } from "./adopted.js";
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
import { nodesOf } from "./tree.js";

type ObjectNode = Syntax<"ObjectExpression">;
type CallNode = Syntax<"CallExpression">;

/** An attribute of a model. */
export interface SequelizeAttribute {
  readonly key: string;
  /** Its column in the database. */
  readonly column: string;
  /** The type alone, or an object with the type and more. */
  readonly value: Expression;
}

/** A model that stands for a tenant table. */
export interface SequelizeModel {
  readonly file: ModuleFile;
  /** What it is called: the variable or class, and the model's own name. */
  readonly names: readonly string[];
  readonly call: CallNode;
  readonly class: Class | undefined;
  readonly adopted: TenantTable;
  readonly attributesObject: ObjectNode;
  readonly attributes: readonly SequelizeAttribute[];
  readonly isPartial: boolean;
  /** The last argument, where it is written out. */
  readonly options: ObjectNode | undefined;
}

/** The models of Sequelize files. */
export interface SequelizeSource {
  readonly models: readonly SequelizeModel[];
  /** Names of models whose table is no tenant's, as far as is known. */
  readonly others: ReadonlySet<string>;
  /** Tables that models stand for, whether these are edited or not. */
  readonly claimed: ReadonlySet<TenantTable>;
}

/** Finds the models by `define()` and `init()`. Those of a table that two claim are left out, and noted. */
export function readSequelize(modules: ModuleFiles, tables: TenantTables): SequelizeSource {
  const models: SequelizeModel[] = [];
  const others = new Set<string>();
  for (const file of modules.files) {
    for (const found of declarationsOf(file)) {
      const model = modelOf(found, modules, tables);
      if (model !== undefined) models.push(model);
      else for (const name of found.names) others.add(name);
    }
  }
  const claims = (model: SequelizeModel) =>
    models.filter(({ adopted }) => adopted === model.adopted);
  for (const model of models) {
    if (claims(model).length === 1) continue;
    modules.note(
      model.file,
      model.call,
      model.names[0]!,
      `Several models stand for the table ${model.adopted.table.name}. Bring them in line by hand.`,
    );
  }
  return {
    models: models.filter((model) => claims(model).length === 1),
    others,
    claimed: new Set(models.map(({ adopted }) => adopted)),
  };
}

interface Declaration {
  readonly file: ModuleFile;
  readonly call: CallNode;
  readonly names: readonly string[];
  readonly class: Class | undefined;
  readonly attributes: Expression | undefined;
  readonly options: Expression | undefined;
}

function* declarationsOf(file: ModuleFile): Generator<Declaration> {
  const variables = new Map<unknown, string>();
  const classes: Class[] = [];
  for (const node of nodesOf(file.program)) {
    if (node.type === ("VariableDeclarator" as string)) {
      const { id, init } = node as unknown as {
        id: { type: string; name: string };
        init: Expression | null;
      };
      if (id.type === "Identifier" && init) variables.set(bare(init), id.name);
    }
    if (node.type === "ClassDeclaration" || node.type === "ClassExpression") classes.push(node);
    if (node.type !== "CallExpression" || node.callee.type !== "MemberExpression") continue;
    const { object, property } = node.callee;
    if (property.type !== "Identifier") continue;
    const args = node.arguments as Expression[];
    if (property.name === "define" && args.length >= 2 && args.length <= 3) {
      const model = stringOf(args[0]);
      const isModel = args[1] !== undefined && mayBeAttributes(args[1]);
      if (model === undefined && !isModel) continue;
      const names = [variables.get(node), model].filter((name) => name !== undefined);
      yield {
        file,
        call: node,
        names: names.length === 0 ? ["define()"] : names,
        class: undefined,
        attributes: args[1],
        options: args[2] && bare(args[2]),
      };
    } else if (property.name === "init" && args.length === 2) {
      const options = bare(args[1]!);
      const own =
        object.type === "Identifier"
          ? (classes.findLast(({ id }) => id?.name === object.name) ?? undefined)
          : classes.findLast((one) => isWithin(node, one));
      const isModel =
        options.type === "ObjectExpression" &&
        ["sequelize", "modelName", "tableName"].some(
          (name) => propertyOf(options, name) !== undefined,
        );
      if (!isModel && !(own && isModelClass(own))) continue;
      const variable = own?.id?.name ?? (object.type === "Identifier" ? object.name : undefined);
      const model = stringOf(propertyOf(options, "modelName"));
      const names = [variable, model].filter((name) => name !== undefined);
      yield {
        file,
        call: node,
        names: names.length === 0 ? ["init()"] : names,
        class: own,
        attributes: args[0],
        options,
      };
    }
  }
}

function isModelClass({ superClass }: Class): boolean {
  if (superClass?.type === "Identifier") return superClass.name === "Model";
  return (
    superClass?.type === "MemberExpression" &&
    superClass.property.type === "Identifier" &&
    superClass.property.name === "Model"
  );
}

function isWithin(node: Parameters<typeof placeOf>[0], outer: Class): boolean {
  const [inside, around] = [placeOf(node), placeOf(outer)];
  return inside.start >= around.start && inside.end <= around.end;
}

const mayBeAttributes = (node: Expression) => {
  const plain = bare(node);
  return plain.type === "ObjectExpression" || plain.type === "Identifier";
};

function modelOf(
  { file, call, names, class: own, attributes, options }: Declaration,
  modules: ModuleFiles,
  tables: TenantTables,
): SequelizeModel | undefined {
  const note = (text: string) => {
    modules.note(file, call, names[0]!, text);
    return undefined;
  };
  if (options !== undefined && options.type !== "ObjectExpression") {
    return note(
      "The model's options are not written out beside it, so it is not known which table it is. Edit it by hand.",
    );
  }
  const written = propertyOf(options, "tableName");
  const given = stringOf(written);
  if (written !== undefined && given === undefined) {
    return note(
      "The table's name is not written out, so it is not known which it is. Edit the model by hand.",
    );
  }
  const model = names.at(-1)!;
  if (given === undefined && ["define()", "init()"].includes(model)) {
    return note(
      "The model's name is not written out, so it is not known which table it is. Edit it by hand.",
    );
  }
  const schema = stringOf(propertyOf(options, "schema"));
  const candidates =
    given === undefined
      ? tablesOfModel(model, tables).filter(({ table }) => table.schema === (schema ?? "public"))
      : [tables.find({ schema: schema ?? "public", name: given })].filter(
          (one) => one !== undefined,
        );
  if (candidates.length > 1) {
    return note(
      `The model may stand for any of the tables ${candidates.map(({ table }) => table.name).join(", ")}. Say tableName, or edit it by hand.`,
    );
  }
  const [adopted] = candidates;
  if (adopted === undefined) return undefined;
  const attributesObject = attributes && objectOf(attributes, file);
  if (attributesObject === undefined) {
    return note("The model's attributes are not written out beside its name. Edit it by hand.");
  }
  return {
    file,
    names,
    call,
    class: own,
    adopted,
    attributesObject,
    ...attributesOf(attributesObject, adopted),
    options,
  };
}

// Written in place, or in a constant of the same file that nothing else uses.
function objectOf(node: Expression, file: ModuleFile): ObjectNode | undefined {
  const plain = bare(node);
  if (plain.type === "ObjectExpression") return plain;
  if (plain.type !== "Identifier") return undefined;
  let uses = 0;
  let object: ObjectNode | undefined;
  for (const one of nodesOf(file.program)) {
    if (one.type === "Identifier" && one.name === plain.name) uses += 1;
    if ((one.type as string) !== "VariableDeclarator") continue;
    const { id, init } = one as unknown as { id: Expression; init: Expression | null };
    if (id.type !== "Identifier" || id.name !== plain.name || !init) continue;
    const value = bare(init);
    if (value.type === "ObjectExpression") object = value;
  }
  return uses === 2 ? object : undefined;
}

function attributesOf(object: ObjectNode, { table }: TenantTable) {
  const attributes: SequelizeAttribute[] = [];
  let isPartial = false;
  for (const property of object.properties) {
    const key = property.type === "ObjectProperty" ? keyOf(property) : undefined;
    if (property.type !== "ObjectProperty" || key === undefined) {
      isPartial = true;
      continue;
    }
    const value = bare(property.value as Expression);
    const field = stringOf(propertyOf(value, "field"));
    attributes.push({ key, column: field ?? columnOfKey(key, table)?.name ?? key, value });
  }
  return { attributes, isPartial };
}
