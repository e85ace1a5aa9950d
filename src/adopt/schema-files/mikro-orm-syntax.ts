import { snakeCase } from "./entity-names.js";
import type { MikroKey, MikroProperty } from "./mikro-orm-model.js";
import type { OptionsPlace } from "./option-edits.js";
import { propertyOf, stringOf, type Expression, type Place } from "./syntax.js";

/** The table that options name; nothing where a name is not written out. */
export function tableOf(options: Expression | undefined, name: string) {
  const nodes = [
    propertyOf(options, "tableName") ?? propertyOf(options, "collection"),
    propertyOf(options, "schema"),
  ];
  const [table, schema] = nodes.map(stringOf);
  if ((nodes[0] && table === undefined) || (nodes[1] && schema === undefined)) return undefined;
  return {
    tables: table === undefined ? [snakeCase(name), name, name.toLowerCase()] : [table],
    schema,
  };
}

/** The names that the join table of a relation may have. */
export const joinTableOf = (
  args: readonly Expression[],
  tables: readonly string[],
  property: string,
) => {
  const name = args
    .map((one) => stringOf(propertyOf(one, "pivotTable")))
    .find((one) => one !== undefined);
  return name === undefined ? tables.map((table) => `${table}_${snakeCase(property)}`) : [name];
};

/** The columns that options write out. */
export function columnsIn(object: Expression | undefined): string[] {
  for (const key of ["fieldName", "joinColumn", "name"]) {
    const name = stringOf(propertyOf(object, key));
    if (name !== undefined) return [name];
  }
  const list = propertyOf(object, "joinColumns") ?? propertyOf(object, "fieldNames");
  return list?.type === "ArrayExpression"
    ? list.elements.flatMap((one) => stringOf((one as Expression | null) ?? undefined) ?? [])
    : [];
}

/** Whether, and how, options say that a property is unique by itself. */
export function uniqueIn(
  object: Expression | undefined,
  isImplied: boolean,
): Pick<MikroProperty, "unique" | "uniqueName"> {
  const node = propertyOf(object, "unique");
  const isOff = node?.type === "BooleanLiteral" && !node.value;
  return {
    unique: isOff ? "no" : node ? "written" : isImplied ? "implied" : "no",
    uniqueName: stringOf(node),
  };
}

/** A key as its options have it. */
export function keyIn(
  options: OptionsPlace,
  place: Place,
  isUnique: boolean,
  member: string | undefined,
  isInherited: boolean,
): MikroKey {
  const list = propertyOf(options.object, "properties");
  const single = stringOf(list);
  const several =
    list?.type === "ArrayExpression"
      ? list.elements.map((one) => stringOf((one as Expression | null) ?? undefined))
      : undefined;
  const named = single === undefined ? several : [single];
  return {
    name: stringOf(propertyOf(options.object, "name")),
    properties:
      named && !named.includes(undefined)
        ? (named as string[])
        : list === undefined && member !== undefined
          ? [member]
          : undefined,
    isUnique,
    isExpression: propertyOf(options.object, "expression") !== undefined,
    options,
    place,
    member,
    isInherited,
  };
}
