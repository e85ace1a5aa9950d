import type { DecoratedClass, Decorator, Member } from "./decorated-class.js";
import type { DrizzleImports } from "./drizzle-imports.js";
import { snakeCase } from "./entity-names.js";
import { UNNAMED, type Say } from "./notes.js";
import { optionsOf } from "./option-edits.js";
import { placeOf, propertyOf, stringOf } from "./syntax.js";
import type { TypeormColumn, TypeormEntity, TypeormKey, TypeormRelation } from "./typeorm-model.js";
import { isFalse, isTrue, joinColumn, nameOf, namesOf, objectsOf } from "./typeorm-syntax.js";

/** The entity that a class is, if its decorators say so. */
export function classEntity(
  node: DecoratedClass,
  imports: DrizzleImports,
  classes: readonly DecoratedClass[],
  say: Say,
): TypeormEntity | undefined {
  const entity = node.decorators.find(({ name }) => name === "Entity");
  if (entity === undefined) return undefined;
  const [first] = entity.arguments;
  const options = entity.arguments.find((one) => one.type === "ObjectExpression");
  const nameNode = first === options ? propertyOf(options, "name") : first;
  const schemaNode = propertyOf(options, "schema");
  const name = stringOf(nameNode);
  if ((nameNode && name === undefined) || (schemaNode && stringOf(schemaNode) === undefined)) {
    say(node.place, node.name, UNNAMED);
    return undefined;
  }
  const { chain, isPartial } = ancestry(node, classes);
  const columns: TypeormColumn[] = [];
  const relations: TypeormRelation[] = [];
  const keys: TypeormKey[] = node.decorators.flatMap(
    (one) => keyOfDecorator(one, undefined, false) ?? [],
  );
  for (const one of chain) {
    const isInherited = one !== node;
    for (const member of one.members) {
      if (columns.some(({ property }) => property === member.name)) continue;
      const column = columnOf(member, isInherited);
      if (column) columns.push(column);
      const relation = relationOf(member, one.file.text, isInherited);
      if (relation) relations.push(relation);
      keys.push(
        ...member.decorators.flatMap((key) => keyOfDecorator(key, member.name, isInherited) ?? []),
      );
    }
  }
  return {
    file: node.file,
    imports,
    name: node.name,
    tables: name === undefined ? [snakeCase(node.name), node.name] : [name],
    schema: stringOf(schemaNode),
    place: node.place,
    form: node,
    type: undefined,
    columns,
    relations,
    keys,
    isPartial,
  };
}

/** A class and those it extends, as far as they are in the files. */
function ancestry(node: DecoratedClass, classes: readonly DecoratedClass[]) {
  const chain = [node];
  let { superClass } = node;
  while (superClass !== undefined) {
    const parent = classes.find(({ name }) => name === superClass);
    if (parent === undefined || chain.includes(parent)) {
      return { chain, isPartial: superClass !== "BaseEntity" };
    }
    chain.push(parent);
    ({ superClass } = parent);
  }
  return { chain, isPartial: false };
}

const COLUMNS = [
  "Column",
  "PrimaryColumn",
  "PrimaryGeneratedColumn",
  "CreateDateColumn",
  "UpdateDateColumn",
  "DeleteDateColumn",
  "VersionColumn",
];

function columnOf(member: Member, isInherited: boolean): TypeormColumn | undefined {
  const decorator = member.decorators.find(({ name }) => COLUMNS.includes(name));
  if (decorator === undefined || decorator.arguments[0]?.type === "ArrowFunctionExpression")
    return undefined;
  const options = optionsOf(decorator);
  return {
    property: member.name,
    name: stringOf(propertyOf(options.object, "name")),
    isPrimary: decorator.name.startsWith("Primary") || isTrue(options, "primary"),
    isUnique: isTrue(options, "unique"),
    options,
    place: decorator.place,
    isInherited,
  };
}

function relationOf(
  member: Member,
  text: string,
  isInherited: boolean,
): TypeormRelation | undefined {
  const find = (name: string) => member.decorators.filter((one) => one.name === name);
  const [relation] = [...find("ManyToOne"), ...find("OneToOne"), ...find("ManyToMany")];
  const target = relation?.arguments[0];
  if (relation === undefined || target === undefined) return undefined;
  const joins = find("JoinColumn");
  const [joinTable] = find("JoinTable");
  const isOwner = relation.name === "ManyToOne" || joins.length > 0 || joinTable !== undefined;
  if (!isOwner) return undefined;
  const place = placeOf(target);
  return {
    property: member.name,
    kind: KINDS[relation.name as keyof typeof KINDS],
    target: text.slice(place.start, place.end),
    targetName: nameOf(target),
    options: optionsOf(relation),
    joinColumns: joins.flatMap(({ arguments: [list], inside }) =>
      list?.type === "ArrayExpression"
        ? objectsOf(list).map((object) =>
            joinColumn({ object, inside: undefined, behind: undefined }),
          )
        : [
            joinColumn({
              object: list?.type === "ObjectExpression" ? list : undefined,
              inside,
              behind: undefined,
            }),
          ],
    ),
    joinTable: joinTable && { options: optionsOf(joinTable) },
    place: relation.place,
    isInherited,
  };
}

const KINDS = {
  ManyToOne: "many-to-one",
  OneToOne: "one-to-one",
  ManyToMany: "many-to-many",
} as const;

function keyOfDecorator(
  decorator: Decorator,
  member: string | undefined,
  isInherited: boolean,
): TypeormKey | undefined {
  if (decorator.name !== "Index" && decorator.name !== "Unique") return undefined;
  const [first] = decorator.arguments;
  const list = decorator.arguments.find(
    ({ type }) => type === "ArrayExpression" || type === "ArrowFunctionExpression",
  );
  const options = optionsOf(decorator);
  return {
    name: stringOf(first),
    properties: list ? namesOf(list) : member === undefined ? undefined : [member],
    isUnique: decorator.name === "Unique" || isTrue(options, "unique"),
    isConstraint: decorator.name === "Unique",
    isSynchronized: !isFalse(options, "synchronize"),
    place: decorator.place,
    list,
    options,
    member,
    isInherited,
  };
}
