import type { DecoratedClass } from "./decorated-class.js";
import type { DrizzleImports } from "./drizzle-imports.js";
import type { DrizzleFile } from "./drizzle-source.js";
import type { OptionsPlace } from "./option-edits.js";
import type { Call, Place, Syntax } from "./syntax.js";

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
