import { fieldCode, fieldsOf, type Field } from "./class-members.js";
import { addMember } from "./list-edits.js";
import type { ModuleFile, ModuleFiles } from "./module-files.js";
import { typeArguments } from "./object-types.js";
import type { SequelizeModel } from "./sequelize-source.js";
import {
  keyOf,
  placeOf,
  stringOf,
  type Interface,
  type TypeAlias,
  type TypeNode,
} from "./syntax.js";
import { nodesOf } from "./tree.js";

type Declared = { readonly file: ModuleFile; readonly node: Interface | TypeAlias };

/** Gives an attribute that was added a place in the types of its model: a field of its class, or of its interfaces. */
export function writeSequelizeTypes(
  model: SequelizeModel,
  key: string,
  modules: ModuleFiles,
): void {
  const { file } = model;
  if (!file.isTyped) return;
  const note = () =>
    modules.note(
      file,
      model.call,
      model.names[0]!,
      `Add ${key}: string to the type of the model's attributes, and have it be optional where rows are created.`,
    );
  if (model.class !== undefined) {
    const { superTypeParameters: given, body } = model.class;
    const args = typeArguments(given);
    const isInferred = args.some((one) => sourceOf(file, one).includes("InferAttributes"));
    const fields = fieldsOf(model.class).filter((field) => !isAssociation(field));
    if (isInferred || fields.length > 0) {
      const optional = args.some((one) => sourceOf(file, one).includes("InferCreationAttributes"));
      const type = optional ? `${creationOptional(file)}<string>` : "string";
      const last = fields.at(-1);
      addMember(file, placeOf(body), last, fieldCode(file, last, key, type));
    }
    if (isInferred || args.length === 0) return;
    writeAttributeTypes(model, args, key, modules, note);
    return;
  }
  const args = typeArguments(model.call.typeParameters);
  if (args.length === 0) return;
  const [first] = args;
  const named = referenceName(first);
  const declared = named === undefined ? undefined : find(named, modules);
  if (named === "Model" || named?.endsWith(".Model") === true) {
    writeAttributeTypes(model, typeArguments(first), key, modules, note);
  } else if (declared?.node.type === "TSInterfaceDeclaration") {
    const base = declared.node.extends?.find((one) =>
      sourceOf(declared.file, one).startsWith("Model<"),
    );
    const bases = typeArguments(base);
    if (bases.some((one) => sourceOf(declared.file, one).includes("InferAttributes"))) {
      const { body } = declared.node;
      addMember(
        declared.file,
        placeOf(body),
        body.body.at(-1),
        `${key}: ${creationOptional(declared.file)}<string>`,
      );
    } else writeAttributeTypes(model, bases, key, modules, note);
  } else note();
}

/** Writes into the interfaces of `Model<Attributes, CreationAttributes>`. */
function writeAttributeTypes(
  { file }: SequelizeModel,
  [attributes, creation]: readonly TypeNode[],
  key: string,
  modules: ModuleFiles,
  note: () => void,
): void {
  const name = referenceName(attributes);
  const declared = name === undefined ? undefined : find(name, modules);
  const members = declared && membersOf(declared.node);
  if (declared === undefined || members === undefined) {
    note();
    return;
  }
  if (members.items.some((one) => one.type === "TSPropertySignature" && keyOf(one) === key)) return;
  const optional = creation === undefined ? "?" : "";
  addMember(declared.file, members.place, members.items.at(-1), `${key}${optional}: string`);
  if (creation === undefined) return;
  if (!isLeftOut(creation, file, key, modules)) note();
}

/** Has the type of what is created not ask for the attribute; tells whether it could. */
function isLeftOut(node: TypeNode, file: ModuleFile, key: string, modules: ModuleFiles): boolean {
  const name = referenceName(node);
  const args = typeArguments(node);
  if (name === "Partial" || name === "Pick" || node.type === "TSTypeLiteral") return true;
  if ((name === "Optional" || name === "Omit") && args[1] !== undefined) {
    file.edits.insert(placeOf(args[1]).end, ` | ${file.quote(key)}`);
    return true;
  }
  if (node.type === "TSIntersectionType")
    return node.types.every((one) => isLeftOut(one, file, key, modules));
  const declared = name === undefined || args.length > 0 ? undefined : find(name, modules);
  if (declared === undefined) return false;
  if (declared.node.type === "TSTypeAliasDeclaration") {
    return isLeftOut(declared.node.typeAnnotation, declared.file, key, modules);
  }
  return (declared.node.extends ?? []).every((base) =>
    isLeftOut(base as unknown as TypeNode, declared.file, key, modules),
  );
}

function find(name: string, modules: ModuleFiles): Declared | undefined {
  const found: Declared[] = [];
  for (const file of modules.files) {
    for (const node of nodesOf(file.program)) {
      const isType =
        node.type === "TSInterfaceDeclaration" || node.type === "TSTypeAliasDeclaration";
      if (isType && node.id.name === name) found.push({ file, node });
    }
  }
  return found.length === 1 ? found[0] : undefined;
}

function membersOf(node: Interface | TypeAlias) {
  if (node.type === "TSInterfaceDeclaration")
    return { items: node.body.body, place: placeOf(node.body) };
  const type = node.typeAnnotation;
  return type.type === "TSTypeLiteral" ? { items: type.members, place: placeOf(type) } : undefined;
}

/** `Optional` of `Optional<A, "id">`, whether a type refers to it or an interface extends it. */
function referenceName(node: TypeNode | undefined): string | undefined {
  const given = node as
    | { typeName?: { name?: string }; expression?: { name?: string } }
    | undefined;
  return given?.typeName?.name ?? given?.expression?.name;
}

// `declare orders?: NonAttribute<Order[]>` and `declare static associations` are no attributes.
function isAssociation({ typeAnnotation }: Field): boolean {
  const type = typeAnnotation as unknown as { typeAnnotation?: TypeNode };
  const name = referenceName(type.typeAnnotation);
  return name === "NonAttribute" || name === "Association" || name?.endsWith("Mixin") === true;
}

const sourceOf = (file: ModuleFile, node: Parameters<typeof placeOf>[0]) =>
  file.text.slice(placeOf(node).start, placeOf(node).end);

/** What the file calls `CreationOptional`, which is imported where it is not. */
function creationOptional(file: ModuleFile): string {
  for (const statement of file.program.body) {
    if (statement.type !== "ImportDeclaration" || statement.source.value !== "sequelize") continue;
    for (const one of statement.specifiers) {
      if (one.type !== "ImportSpecifier") continue;
      const imported =
        one.imported.type === "Identifier" ? one.imported.name : stringOf(one.imported);
      if (imported === "CreationOptional") return one.local.name;
    }
  }
  for (const statement of file.program.body) {
    if (statement.type !== "ImportDeclaration" || statement.source.value !== "sequelize") continue;
    const last = statement.specifiers.findLast(({ type }) => type === "ImportSpecifier");
    if (last === undefined) continue;
    const isTyped = statement.importKind === "type";
    if (!file.edits.has(placeOf(last).end)) {
      file.edits.insert(placeOf(last).end, `, ${isTyped ? "" : "type "}CreationOptional`);
    }
    return "CreationOptional";
  }
  return `import(${file.quote("sequelize")}).CreationOptional`;
}
