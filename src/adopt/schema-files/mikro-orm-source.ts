import {
  decoratedClasses,
  type DecoratedClass,
  type Decorator,
  type Member,
} from "./decorated-class.js";
import { DrizzleImports } from "./drizzle-imports.js";
import type { DrizzleFile } from "./drizzle-source.js";
import { snakeCase } from "./entity-names.js";
import { optionsOf, type OptionsPlace } from "./option-edits.js";
import { schemaTypeOf } from "./schema-type.js";
import {
  bare,
  callChain,
  keyOf,
  placeOf,
  propertyOf,
  returned,
  stringOf,
  type Call,
  type Expression,
  type Place,
  type Syntax,
} from "./syntax.js";
import { lineAt, type SchemaNote } from "./text-edits.js";

/** A property that stands for columns: a value's, or a relation's that its own table holds. */
export interface MikroProperty {
  readonly property: string;
  /** The columns, where they are written out. */
  readonly columns: readonly string[];
  readonly isRelation: boolean;
  /** Whether it is unique by itself. */
  readonly unique: "no" | "written" | "implied";
  /** The name its unique key is given. */
  readonly uniqueName: string | undefined;
  /** Its options, where it is written as an object or a decorator. */
  readonly options: OptionsPlace | undefined;
  /** The call that makes it unique, where it is written as a chain: `p.text().unique()`. */
  readonly call: Call | undefined;
  readonly place: Place;
  readonly isInherited: boolean;
}

/** A key or index that is declared by itself. */
export interface MikroKey {
  readonly name: string | undefined;
  readonly properties: readonly string[] | undefined;
  readonly isUnique: boolean;
  readonly isExpression: boolean;
  readonly options: OptionsPlace;
  readonly place: Place;
  /** The property whose decorator it is; nothing on a class and in a schema. */
  readonly member: string | undefined;
  readonly isInherited: boolean;
}

/** An entity of MikroORM: a class, an `EntitySchema`, or what `defineEntity` is given. */
export interface MikroEntity {
  readonly file: DrizzleFile;
  readonly imports: DrizzleImports;
  readonly name: string;
  readonly tables: readonly string[];
  readonly schema: string | undefined;
  readonly place: Place;
  readonly form: DecoratedClass | MikroDefinition;
  /** The type that a schema is of, where it is said. */
  readonly type: string | undefined;
  readonly properties: readonly MikroProperty[];
  /** Join tables of its relations, or the names that they may have. */
  readonly joinTables: readonly (readonly string[])[];
  readonly keys: readonly MikroKey[];
  readonly isPartial: boolean;
}

/** The options of an `EntitySchema` or of `defineEntity`. */
export interface MikroDefinition {
  readonly object: Syntax<"ObjectExpression">;
  readonly properties: Syntax<"ObjectExpression"> | undefined;
  /** What makes properties, `p` of `p.text()`; nothing where they are objects. */
  readonly builder: string | undefined;
}

const DECORATORS = ["@mikro-orm/decorators/legacy", "@mikro-orm/decorators/es", "@mikro-orm/core"];
const CORE = ["@mikro-orm/core", "@mikro-orm/postgresql", "@mikro-orm/sql"];

/** The module that a file's decorators come from. */
export function decoratorModule({ program }: DrizzleFile): string {
  const modules = program.body.flatMap((one) =>
    one.type === "ImportDeclaration" ? [one.source.value] : [],
  );
  return DECORATORS.find((one) => modules.includes(one)) ?? DECORATORS[0]!;
}

/** Reads the entities of files, and notes what is one but cannot be read. */
export function readMikroOrm(
  files: readonly DrizzleFile[],
  note: (note: SchemaNote) => void,
): MikroEntity[] {
  const read = files.map((file) => {
    const imports = new DrizzleImports(file);
    return { file, imports, classes: decoratedClasses(file, imports, [...DECORATORS, ...CORE]) };
  });
  const classes = read.flatMap((one) => one.classes);
  return read.flatMap(({ file, imports, classes: own }) => {
    const say = (place: Place, object: string, text: string) =>
      note({ path: file.path, line: lineAt(file.text, place.start), object, text });
    return [
      ...own.flatMap((node) => classEntity(node, imports, classes, say) ?? []),
      ...definitions(file, imports).flatMap(
        ([name, given, type]) => definedEntity(file, imports, name, given, type, say) ?? [],
      ),
    ];
  });
}

type Say = (place: Place, object: string, text: string) => void;

const UNNAMED =
  "The table's name is not written out, so it is not known which it is. Edit it by hand.";

/** The table that options name; nothing where a name is not written out. */
function tableOf(options: Expression | undefined, name: string) {
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

function classEntity(
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

const joinTableOf = (args: readonly Expression[], tables: readonly string[], property: string) => {
  const name = args
    .map((one) => stringOf(propertyOf(one, "pivotTable")))
    .find((one) => one !== undefined);
  return name === undefined ? tables.map((table) => `${table}_${snakeCase(property)}`) : [name];
};

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

function columnsIn(object: Expression | undefined): string[] {
  for (const key of ["fieldName", "joinColumn", "name"]) {
    const name = stringOf(propertyOf(object, key));
    if (name !== undefined) return [name];
  }
  const list = propertyOf(object, "joinColumns") ?? propertyOf(object, "fieldNames");
  return list?.type === "ArrayExpression"
    ? list.elements.flatMap((one) => stringOf((one as Expression | null) ?? undefined) ?? [])
    : [];
}

function uniqueIn(
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

function keyIn(
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

function definitions(
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

function definedEntity(
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
