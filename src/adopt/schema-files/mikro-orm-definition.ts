import type { DrizzleImports } from "./drizzle-imports.js";
import type { DrizzleFile } from "./drizzle-source.js";
import { snakeCase } from "./entity-names.js";
import { CORE } from "./mikro-orm-modules.js";
import type { MikroEntity, MikroProperty } from "./mikro-orm-model.js";
import { columnsIn, joinTableOf, keyIn, tableOf, uniqueIn } from "./mikro-orm-syntax.js";
import { UNNAMED, type Say } from "./notes.js";
import { schemaTypeOf } from "./schema-type.js";
import {
  bare,
  callChain,
  keyOf,
  placeOf,
  propertyOf,
  returned,
  stringOf,
  type Expression,
} from "./syntax.js";

/** What a file defines as entities: the variable, what it is given, and the type that it is of. */
export function definitions(
  file: DrizzleFile,
  imports: DrizzleImports,
): [string, Expression | undefined, string | undefined][] {
  return file.program.body.flatMap((statement) => {
    const declaration =
      statement.type === "ExportNamedDeclaration" ? statement.declaration : statement;
    if (declaration?.type !== "VariableDeclaration") return [];
    return declaration.declarations.flatMap(
      ({ id, init }): [string, Expression | undefined, string | undefined][] => {
        const node = init && bare(init);
        if (
          id.type !== "Identifier" ||
          (node?.type !== "NewExpression" && node?.type !== "CallExpression")
        )
          return [];
        const name = imports.imported(CORE, node.callee as Expression);
        if (name !== (node.type === "NewExpression" ? "EntitySchema" : "defineEntity")) return [];
        return [
          [id.name, node.arguments[0] as Expression | undefined, schemaTypeOf(node, file.text)],
        ];
      },
    );
  });
}

/** The entity that a definition is. */
export function definedEntity(
  file: DrizzleFile,
  imports: DrizzleImports,
  variable: string,
  given: Expression | undefined,
  typeName: string | undefined,
  say: Say,
): MikroEntity | undefined {
  const object = given && bare(given);
  if (object?.type !== "ObjectExpression") {
    say(
      given ? placeOf(given) : { start: 0, end: 0 },
      variable,
      "The entity's options are not written out in their place. Edit it by hand.",
    );
    return undefined;
  }
  const classNode = propertyOf(object, "class");
  const nameNode = propertyOf(object, "name");
  const name = classNode?.type === "Identifier" ? classNode.name : stringOf(nameNode);
  const table = name === undefined ? undefined : tableOf(object, name);
  if (name === undefined || table === undefined) {
    say(placeOf(object), variable, UNNAMED);
    return undefined;
  }
  const node = propertyOf(object, "properties");
  const list = node?.type === "ObjectExpression" ? node : returned(node);
  const properties = list?.type === "ObjectExpression" ? list : undefined;
  const parameter = node?.type === "ArrowFunctionExpression" ? node.params[0] : undefined;
  const entries = (properties?.properties ?? []).flatMap((one): [string, Expression][] => {
    const key = one.type === "ObjectProperty" ? keyOf(one) : undefined;
    return key === undefined || one.type !== "ObjectProperty"
      ? []
      : [[key, bare(one.value as Expression)]];
  });
  const isChained = entries.some(([, value]) => value.type === "CallExpression");
  const builder =
    parameter?.type === "Identifier"
      ? parameter.name
      : isChained
        ? builderOf(entries, file.text)
        : undefined;
  return {
    file,
    imports,
    name,
    ...table,
    place: placeOf(object),
    form: { object, properties, builder },
    type: typeName,
    properties: entries.flatMap(
      ([property, value]) => definedProperty(file, property, value) ?? [],
    ),
    joinTables: entries.flatMap(([property, value]) =>
      definedJoinTable(file, table.tables, property, value),
    ),
    keys: (["uniques", "indexes"] as const).flatMap((key) => {
      const keys = propertyOf(object, key);
      if (keys?.type !== "ArrayExpression") return [];
      return keys.elements.flatMap((one) =>
        one?.type === "ObjectExpression"
          ? [
              keyIn(
                { object: one, inside: undefined, behind: undefined },
                placeOf(one),
                key === "uniques",
                undefined,
                false,
              ),
            ]
          : [],
      );
    }),
    isPartial:
      properties === undefined ||
      properties.properties.some(({ type }) => type === "SpreadElement") ||
      propertyOf(object, "extends") !== undefined,
  };
}

function builderOf(entries: readonly [string, Expression][], text: string): string | undefined {
  for (const [, value] of entries) {
    const callee = callChain(value, text)?.callee;
    if (callee?.type === "MemberExpression" && callee.object.type === "Identifier")
      return callee.object.name;
  }
  return undefined;
}

function definedProperty(
  file: DrizzleFile,
  property: string,
  value: Expression,
): MikroProperty | undefined {
  const chain = callChain(value, file.text);
  if (chain) {
    const kind = chain.base.name;
    if (/^(?:oneToMany|manyToMany|embedded)$/.test(kind)) return undefined;
    const find = (...names: string[]) => chain.calls.findLast(({ name }) => names.includes(name));
    if (find("mappedBy")) return undefined;
    const unique = find("unique");
    const given = unique?.arguments[0];
    return {
      property,
      columns: [stringOf(find("fieldName", "joinColumn", "name")?.arguments[0])].flatMap(
        (one) => one ?? [],
      ),
      isRelation: /^(?:many|one)ToOne$/.test(kind),
      unique: unique ? "written" : kind === "oneToOne" ? "implied" : "no",
      uniqueName: stringOf(given),
      options: undefined,
      call: unique ?? chain.base,
      place: chain.place,
      isInherited: false,
    };
  }
  if (value.type !== "ObjectExpression") return undefined;
  const kind = stringOf(propertyOf(value, "kind")) ?? "scalar";
  if (/^(?:1:m|m:n|embedded)$/.test(kind) || propertyOf(value, "mappedBy")) return undefined;
  return {
    property,
    columns: columnsIn(value),
    isRelation: kind === "m:1" || kind === "1:1",
    ...uniqueIn(value, kind === "1:1"),
    options: { object: value, inside: undefined, behind: undefined },
    call: undefined,
    place: placeOf(value),
    isInherited: false,
  };
}

function definedJoinTable(
  file: DrizzleFile,
  tables: readonly string[],
  property: string,
  value: Expression,
): string[][] {
  const chain = callChain(value, file.text);
  if (chain?.base.name === "manyToMany") {
    const name = stringOf(chain.calls.find((one) => one.name === "pivotTable")?.arguments[0]);
    return [name === undefined ? tables.map((table) => `${table}_${snakeCase(property)}`) : [name]];
  }
  return stringOf(propertyOf(value, "kind")) === "m:n"
    ? [joinTableOf([value], tables, property)]
    : [];
}
