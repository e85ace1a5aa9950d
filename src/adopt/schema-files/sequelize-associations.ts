import type { ForeignKey } from "../schema.js";
import { isSame, type TenantTable, type TenantTables } from "./adopted.js";
import { addToList } from "./drizzle-extra.js";
import { removeItems } from "./list-edits.js";
import { columnOfKey } from "./model-keys.js";
import type { ModuleFile, ModuleFiles } from "./module-files.js";
import { tenantKeys } from "./sequelize-model.js";
import type { SequelizeModel, SequelizeSource } from "./sequelize-source.js";
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

type CallNode = Syntax<"CallExpression">;

const KINDS = ["belongsTo", "hasMany", "hasOne", "belongsToMany"];

/**
 * Has associations keep their hands off foreign keys that name the tenant, which Sequelize cannot declare: it would put
 * one of a single column in their place, which crosses tenants.
 */
export class SequelizeAssociations {
  readonly #modules: ModuleFiles;
  readonly #source: SequelizeSource;
  readonly #tables: TenantTables;
  /** Tables that an association goes through, by a name alone. */
  readonly through = new Map<string, { readonly file: ModuleFile; readonly call: CallNode }>();

  constructor(modules: ModuleFiles, source: SequelizeSource, tables: TenantTables) {
    this.#modules = modules;
    this.#source = source;
    this.#tables = tables;
  }

  write(): void {
    for (const file of this.#modules.files) {
      const classes: Class[] = [];
      for (const node of nodesOf(file.program)) {
        if (node.type === "ClassDeclaration" || node.type === "ClassExpression") classes.push(node);
        if (node.type !== "CallExpression" || node.callee.type !== "MemberExpression") continue;
        const { object, property } = node.callee;
        if (property.type !== "Identifier" || !KINDS.includes(property.name)) continue;
        if (node.arguments.length === 0 || node.arguments.length > 2) continue;
        const own =
          object.type === "ThisExpression"
            ? classes.findLast(
                (one) =>
                  placeOf(one).start <= placeOf(node).start &&
                  placeOf(one).end >= placeOf(node).end,
              )?.id?.name
            : nameOf(object);
        this.#association(file, node, property.name, own);
      }
    }
  }

  #association(file: ModuleFile, call: CallNode, kind: string, own: string | undefined): void {
    const [targetNode, given] = call.arguments as Expression[];
    const options = given && bare(given);
    const name = nameOf(targetNode!);
    const [from, to] = [this.#model(own, file), this.#model(name, file)];
    const isOther = (one: string | undefined) => one !== undefined && this.#source.others.has(one);
    if (isOther(own) || isOther(name) || (from === undefined && to === undefined)) return;
    if (from === undefined || to === undefined) {
      this.#modules.note(
        file,
        call,
        own ?? name ?? kind,
        `It is not known which models this ${kind}() joins. Set constraints: false, if both are of tenants' tables.`,
      );
      return;
    }
    const keys =
      kind === "belongsToMany"
        ? this.#keysThrough(file, call, options)
        : kind === "belongsTo"
          ? keysBetween(from.adopted, to.adopted, options)
          : keysBetween(to.adopted, from.adopted, options);
    if (keys.length > 0) this.#loosen(file, call, options, own!);
  }

  #model(name: string | undefined, file: ModuleFile): SequelizeModel | undefined {
    if (name === undefined) return undefined;
    const named = this.#source.models.filter(({ names }) => names.includes(name));
    return (
      named.find((model) => model.file === file) ?? (named.length === 1 ? named[0] : undefined)
    );
  }

  #keysThrough(file: ModuleFile, call: CallNode, options: Expression | undefined): ForeignKey[] {
    const given = propertyOf(options, "through");
    if (given === undefined) return [];
    const through = bare(propertyOf(bare(given), "model") ?? given);
    const name = stringOf(through);
    const model = this.#model(name ?? nameOf(through), file);
    if (model !== undefined) return tenantKeys(model.adopted);
    if (name === undefined) return [];
    const table = this.#tables.find({ schema: "public", name });
    if (table === undefined) return [];
    this.through.set(name, { file, call });
    return tenantKeys(table);
  }

  #loosen(file: ModuleFile, call: CallNode, options: Expression | undefined, own: string): void {
    if (options === undefined) {
      file.edits.insert(placeOf(call.arguments[0]!).end, ", { constraints: false }");
      return;
    }
    const note = (text: string) => this.#modules.note(file, call, own, text);
    if (options.type !== "ObjectExpression") {
      note(
        "Set constraints: false on this association, whose options are not written out: its foreign key is of several columns.",
      );
      return;
    }
    const property = (name: string) =>
      options.properties.find((one) => one.type === "ObjectProperty" && keyOf(one) === name);
    const actions = [property("onDelete"), property("onUpdate")].filter((one) => one !== undefined);
    if (actions.length > 0 && property("hooks") !== undefined) {
      note(
        "Set constraints: false, and say by hand what is to be deleted along: the foreign key is of several columns, and hooks go by onDelete.",
      );
      return;
    }
    // Either of these alone has Sequelize declare the key.
    removeItems(file, options.properties, actions);
    const given = propertyOf(options, "constraints");
    if (given === undefined) {
      const last = options.properties.at(-1);
      addToList(file, placeOf(options), last && placeOf(last), ["constraints: false"]);
    } else if (file.text.slice(placeOf(given).start, placeOf(given).end) !== "false") {
      file.edits.replace(placeOf(given).start, placeOf(given).end, "false");
    }
  }
}

/** The keys by which one table points at another, those of the association's own column where it names one. */
function keysBetween(
  child: TenantTable,
  parent: TenantTable,
  options: Expression | undefined,
): ForeignKey[] {
  const keys = tenantKeys(child).filter(({ references }) => isSame(references, parent.table));
  const given = propertyOf(options, "foreignKey");
  const object = given && bare(given);
  const written =
    stringOf(object) ??
    stringOf(propertyOf(object, "field")) ??
    stringOf(propertyOf(object, "name")) ??
    stringOf(propertyOf(object, "fieldName"));
  const column = written === undefined ? undefined : columnOfKey(written, child.table)?.name;
  const own = keys.filter(({ columns }) => column !== undefined && columns.includes(column));
  return own.length > 0 ? own : keys;
}

/** `User` of `User`, `models.User`, `sequelize.models.User`, `models["User"]`, `this.sequelize.model("User")`. */
function nameOf(node: Expression): string | undefined {
  const plain = bare(node);
  if (plain.type === "Identifier") return plain.name;
  if (plain.type === "MemberExpression") {
    return plain.computed
      ? stringOf(plain.property as Expression)
      : plain.property.type === "Identifier"
        ? plain.property.name
        : undefined;
  }
  return undefined;
}
