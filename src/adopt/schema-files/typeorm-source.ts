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
  keyOf,
  placeOf,
  propertyOf,
  returned,
  stringOf,
  type Expression,
  type Place,
  type Syntax,
} from "./syntax.js";
import { lineAt, type SchemaNote } from "./text-edits.js";

/** A column that an entity declares. */
export interface TypeormColumn {
  readonly property: string;
  /** Its name in the database, where it is written out. */
  readonly name: string | undefined;
  readonly isPrimary: boolean;
  readonly isUnique: boolean;
  readonly options: OptionsPlace;
  readonly place: Place;
  /** Whether a class that others extend declares it. */
  readonly isInherited: boolean;
}

/** A column of a relation's own table, or of its join table. */
export interface TypeormJoinColumn {
  readonly name: string | undefined;
  /** The property of the other entity that it holds. */
  readonly referenced: string | undefined;
  readonly options: OptionsPlace;
}

/** A relation that an entity owns: the foreign key is its table's, or a join table's. */
export interface TypeormRelation {
  readonly property: string;
  readonly kind: "many-to-one" | "one-to-one" | "many-to-many";
  /** The other entity as written: `() => User`. */
  readonly target: string;
  /** The other entity's class, or the name of its schema. */
  readonly targetName: string | undefined;
  readonly options: OptionsPlace;
  readonly joinColumns: readonly TypeormJoinColumn[];
  readonly joinTable: { readonly options: OptionsPlace } | undefined;
  /** Where the options of a schema's relation are, or the decorators of a property begin. */
  readonly place: Place;
  readonly isInherited: boolean;
}

/** A key or index that is declared by itself, not as an option of a column. */
export interface TypeormKey {
  readonly name: string | undefined;
  readonly properties: readonly string[] | undefined;
  readonly isUnique: boolean;
  readonly isConstraint: boolean;
  readonly isSynchronized: boolean;
  readonly place: Place;
  /** The list of properties, or the function that gives it, and what stands in front of which its name would come. */
  readonly list: Expression | undefined;
  /** Its options as written. */
  readonly options: OptionsPlace;
  /** The property whose decorator it is; nothing on a class and in a schema. */
  readonly member: string | undefined;
  readonly isInherited: boolean;
}

/** An entity: a class, or an `EntitySchema`. */
export interface TypeormEntity {
  readonly file: DrizzleFile;
  readonly imports: DrizzleImports;
  readonly name: string;
  /** Names its table may have: the one that is written, or what the usual naming strategies make of the class's. */
  readonly tables: readonly string[];
  readonly schema: string | undefined;
  readonly place: Place;
  readonly form: DecoratedClass | Syntax<"ObjectExpression">;
  /** The type that a schema is of, where it is said. */
  readonly type: string | undefined;
  readonly columns: readonly TypeormColumn[];
  readonly relations: readonly TypeormRelation[];
  readonly keys: readonly TypeormKey[];
  /** Whether it extends a class that is in none of the files. */
  readonly isPartial: boolean;
}

const MODULES = ["typeorm"];

/** Reads the entities of files, and notes what is one but cannot be read. */
export function readTypeorm(
  files: readonly DrizzleFile[],
  note: (note: SchemaNote) => void,
): TypeormEntity[] {
  const read = files.map((file) => {
    const imports = new DrizzleImports(file);
    return { file, imports, classes: decoratedClasses(file, imports, MODULES) };
  });
  const classes = read.flatMap((one) => one.classes);
  return read.flatMap(({ file, imports, classes: own }) => {
    const say = (place: Place, object: string, text: string) =>
      note({ path: file.path, line: lineAt(file.text, place.start), object, text });
    return [
      ...own.flatMap((node) => classEntity(node, imports, classes, say) ?? []),
      ...schemas(file, imports).flatMap(
        ([name, object, type]) => schemaEntity(file, imports, name, object, type, say) ?? [],
      ),
    ];
  });
}

type Say = (place: Place, object: string, text: string) => void;

const UNNAMED =
  "The table's name is not written out, so it is not known which it is. Edit it by hand.";

function classEntity(
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

/** Join columns of a join table: `joinColumn`, or each of `joinColumns`. */
export function joinColumnsOf(table: OptionsPlace, one: "joinColumn" | "inverseJoinColumn") {
  const single = propertyOf(table.object, one);
  const several = propertyOf(table.object, `${one}s`);
  const objects = single?.type === "ObjectExpression" ? [single] : objectsOf(several);
  return objects.map((object) => joinColumn({ object, inside: undefined, behind: undefined }));
}

const joinColumn = (options: OptionsPlace): TypeormJoinColumn => ({
  name: stringOf(propertyOf(options.object, "name")),
  referenced: stringOf(propertyOf(options.object, "referencedColumnName")),
  options,
});

const objectsOf = (node: Expression | undefined) =>
  node?.type === "ArrayExpression"
    ? node.elements.flatMap((one) => (one?.type === "ObjectExpression" ? [one] : []))
    : [];

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

/** The properties that a list names: `["a", "b"]`, `(one) => [one.a, one.b]`. */
function namesOf(list: Expression): string[] | undefined {
  const array = list.type === "ArrayExpression" ? list : returned(list);
  if (array?.type !== "ArrayExpression") return undefined;
  const names = array.elements.map((one) =>
    one?.type === "MemberExpression" && one.property.type === "Identifier" && !one.computed
      ? one.property.name
      : one?.type === "StringLiteral"
        ? one.value
        : undefined,
  );
  return names.includes(undefined) ? undefined : (names as string[]);
}

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

function schemas(
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

function schemaEntity(
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

/** The entity that is named as a relation's other end. */
function nameOf(target: Expression): string | undefined {
  const node = returned(target) ?? target;
  if (node.type === "Identifier") return node.name;
  return stringOf(node);
}

const isLiteral = ({ object }: OptionsPlace, key: string, value: boolean) => {
  const node = propertyOf(object, key);
  return node?.type === "BooleanLiteral" && node.value === value;
};
const isTrue = (options: OptionsPlace, key: string) => isLiteral(options, key, true);
const isFalse = (options: OptionsPlace, key: string) => isLiteral(options, key, false);
