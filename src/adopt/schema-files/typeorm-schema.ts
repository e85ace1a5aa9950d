import type { DrizzleImports } from "./drizzle-imports.js";
import type { DrizzleFile } from "./drizzle-source.js";
import { snakeCase } from "./entity-names.js";
import { UNNAMED, type Say } from "./notes.js";
import { schemaTypeOf } from "./schema-type.js";
import {
  bare,
  keyOf,
  placeOf,
  propertyOf,
  stringOf,
  type Expression,
  type Syntax,
} from "./syntax.js";
import type { TypeormEntity, TypeormKey, TypeormRelation } from "./typeorm-model.js";
import {
  isFalse,
  isTrue,
  joinColumn,
  MODULES,
  nameOf,
  namesOf,
  objectsOf,
} from "./typeorm-syntax.js";

function* constants(file: DrizzleFile): Generator<[string, Expression]> {
  for (const statement of file.program.body) {
    if (statement.type === "ExportDefaultDeclaration") {
      yield ["default", statement.declaration as Expression];
      continue;
    }
    const declaration =
      statement.type === "ExportNamedDeclaration" ? statement.declaration : statement;
    if (declaration?.type !== "VariableDeclaration") continue;
    for (const { id, init } of declaration.declarations) {
      if (id.type === "Identifier" && init) yield [id.name, bare(init)];
    }
  }
}

/** The schemas of a file: the variable, what it is given, and the type that it is of. */
export function schemas(
  file: DrizzleFile,
  imports: DrizzleImports,
): [string, Expression | undefined, string | undefined][] {
  return [...constants(file)].flatMap(
    ([name, init]): [string, Expression | undefined, string | undefined][] => {
      if (init.type !== "NewExpression") return [];
      if (imports.imported(MODULES, init.callee) !== "EntitySchema") return [];
      return [[name, init.arguments[0] as Expression | undefined, schemaTypeOf(init, file.text)]];
    },
  );
}

/** The entity that a schema is. */
export function schemaEntity(
  file: DrizzleFile,
  imports: DrizzleImports,
  variable: string,
  given: Expression | undefined,
  type: string | undefined,
  say: Say,
): TypeormEntity | undefined {
  const object = given && bare(given);
  if (object?.type !== "ObjectExpression") {
    say(
      given ? placeOf(given) : { start: 0, end: 0 },
      variable,
      "The schema's options are not written out in its place. Edit it by hand.",
    );
    return undefined;
  }
  const [nameNode, tableNode, schemaNode] = ["name", "tableName", "schema"].map((key) =>
    propertyOf(object, key),
  );
  const [name, table, schema] = [nameNode, tableNode, schemaNode].map(stringOf);
  if (
    name === undefined ||
    (tableNode && table === undefined) ||
    (schemaNode && schema === undefined)
  ) {
    say(placeOf(object), variable, UNNAMED);
    return undefined;
  }
  return {
    file,
    imports,
    name,
    tables: table === undefined ? [snakeCase(name), name] : [table],
    schema,
    place: placeOf(object),
    form: object,
    type,
    columns: entriesOf(propertyOf(object, "columns")).map(([property, column]) => {
      const options = { object: column, inside: undefined, behind: undefined };
      return {
        property,
        name: stringOf(propertyOf(column, "name")),
        isPrimary: isTrue(options, "primary"),
        isUnique: isTrue(options, "unique"),
        options,
        place: placeOf(column),
        isInherited: false,
      };
    }),
    relations: entriesOf(propertyOf(object, "relations")).flatMap(
      ([property, relation]) => schemaRelation(file, property, relation) ?? [],
    ),
    keys: [
      ...objectsOf(propertyOf(object, "indices")).map((key) => schemaKey(key, false)),
      ...objectsOf(propertyOf(object, "uniques")).map((key) => schemaKey(key, true)),
    ],
    isPartial:
      isSpread(object) ||
      isSpread(propertyOf(object, "columns")) ||
      isSpread(propertyOf(object, "relations")),
  };
}

const isSpread = (node: Expression | undefined) =>
  node !== undefined &&
  (node.type !== "ObjectExpression" ||
    node.properties.some(({ type }) => type === "SpreadElement"));

function entriesOf(node: Expression | undefined): [string, Syntax<"ObjectExpression">][] {
  if (node?.type !== "ObjectExpression") return [];
  return node.properties.flatMap((property): [string, Syntax<"ObjectExpression">][] => {
    const key = property.type === "ObjectProperty" ? keyOf(property) : undefined;
    const value =
      property.type === "ObjectProperty" ? bare(property.value as Expression) : undefined;
    return key !== undefined && value?.type === "ObjectExpression" ? [[key, value]] : [];
  });
}

function schemaRelation(
  { text }: DrizzleFile,
  property: string,
  object: Syntax<"ObjectExpression">,
): TypeormRelation | undefined {
  const kind = stringOf(propertyOf(object, "type"));
  const target = propertyOf(object, "target");
  const joinNode = propertyOf(object, "joinColumn");
  const table = propertyOf(object, "joinTable");
  if (target === undefined) return undefined;
  if (
    kind !== "many-to-one" &&
    !(kind === "one-to-one" && joinNode) &&
    !(kind === "many-to-many" && table)
  )
    return undefined;
  const place = placeOf(target);
  const objects = joinNode?.type === "ObjectExpression" ? [joinNode] : objectsOf(joinNode);
  return {
    property,
    kind,
    target: text.slice(place.start, place.end),
    targetName: nameOf(target),
    options: { object, inside: undefined, behind: undefined },
    joinColumns: objects.map((one) =>
      joinColumn({ object: one, inside: undefined, behind: undefined }),
    ),
    joinTable: table && {
      options: {
        object: table.type === "ObjectExpression" ? table : undefined,
        inside: undefined,
        behind: undefined,
      },
    },
    place: placeOf(object),
    isInherited: false,
  };
}

function schemaKey(object: Syntax<"ObjectExpression">, isConstraint: boolean): TypeormKey {
  const options = { object, inside: undefined, behind: undefined };
  const list = propertyOf(object, "columns");
  return {
    name: stringOf(propertyOf(object, "name")),
    properties: list && namesOf(list),
    isUnique: isConstraint || isTrue(options, "unique"),
    isConstraint,
    isSynchronized: !isFalse(options, "synchronize"),
    place: placeOf(object),
    list,
    options,
    member: undefined,
    isInherited: false,
  };
}
