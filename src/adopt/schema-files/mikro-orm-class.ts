import type { DecoratedClass, Decorator, Member } from "./decorated-class.js";
import type { DrizzleImports } from "./drizzle-imports.js";
import type { MikroEntity, MikroKey, MikroProperty } from "./mikro-orm-model.js";
import { columnsIn, joinTableOf, keyIn, tableOf, uniqueIn } from "./mikro-orm-syntax.js";
import { UNNAMED, type Say } from "./notes.js";
import { optionsOf } from "./option-edits.js";
import { propertyOf } from "./syntax.js";

/** The entity that a class is, if its decorators say so. */
export function classEntity(
  node: DecoratedClass,
  imports: DrizzleImports,
  classes: readonly DecoratedClass[],
  say: Say,
): MikroEntity | undefined {
  const entity = node.decorators.find(({ name }) => name === "Entity");
  if (entity === undefined) return undefined;
  const options = entity.arguments[0];
  const table = tableOf(options, node.name);
  if (table === undefined || (options && options.type !== "ObjectExpression")) {
    say(node.place, node.name, UNNAMED);
    return undefined;
  }
  const abstract = propertyOf(options, "abstract");
  if (abstract?.type === "BooleanLiteral" && abstract.value) return undefined;
  const chain = [node];
  let { superClass } = node;
  while (superClass !== undefined) {
    const parent = classes.find(({ name }) => name === superClass);
    if (parent === undefined || chain.includes(parent)) break;
    chain.push(parent);
    ({ superClass } = parent);
  }
  const properties: MikroProperty[] = [];
  const joinTables: string[][] = [];
  const keys = node.decorators.flatMap((one) => keyOfDecorator(one, undefined, false) ?? []);
  for (const one of chain) {
    for (const member of one.members) {
      if (properties.some(({ property }) => property === member.name)) continue;
      const property = propertyOfMember(member, one !== node);
      if (property) properties.push(property);
      const join = member.decorators.find(({ name }) => name === "ManyToMany");
      if (join) joinTables.push(joinTableOf(join.arguments, table.tables, member.name));
      keys.push(
        ...member.decorators.flatMap((key) => keyOfDecorator(key, member.name, one !== node) ?? []),
      );
    }
  }
  return {
    file: node.file,
    imports,
    name: node.name,
    ...table,
    place: node.place,
    form: node,
    type: undefined,
    properties,
    joinTables,
    keys,
    isPartial: superClass !== undefined && superClass !== "BaseEntity",
  };
}

function propertyOfMember(member: Member, isInherited: boolean): MikroProperty | undefined {
  const decorator = member.decorators.find(({ name }) =>
    ["Property", "PrimaryKey", "Enum", "ManyToOne", "OneToOne"].includes(name),
  );
  if (decorator === undefined) return undefined;
  const options = optionsOf(decorator);
  const isOther =
    propertyOf(options.object, "mappedBy") !== undefined ||
    (decorator.name === "OneToOne" &&
      decorator.arguments.length > 1 &&
      decorator.arguments[1]!.type === "ArrowFunctionExpression" &&
      propertyOf(options.object, "owner") === undefined);
  if (isOther) return undefined;
  const isRelation = /^(?:Many|One)ToOne$/.test(decorator.name);
  return {
    property: member.name,
    columns: columnsIn(options.object),
    isRelation,
    ...uniqueIn(options.object, decorator.name === "OneToOne"),
    options,
    call: undefined,
    place: decorator.place,
    isInherited,
  };
}

function keyOfDecorator(
  decorator: Decorator,
  member: string | undefined,
  isInherited: boolean,
): MikroKey | undefined {
  if (decorator.name !== "Index" && decorator.name !== "Unique") return undefined;
  return keyIn(
    optionsOf(decorator),
    decorator.place,
    decorator.name === "Unique",
    member,
    isInherited,
  );
}
