import type { DecoratedClass } from "./decorated-class.js";
import type { DrizzleImports } from "./drizzle-imports.js";
import type { DrizzleFile } from "./drizzle-source.js";
import type { OptionsPlace } from "./option-edits.js";
import type { Expression, Place, Syntax } from "./syntax.js";

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
