import { quoteIdentifier } from "../../guards/postgres/ddl/identifier.js";
import type { TenantType } from "../../guards/postgres/ddl/seal-sql.js";
import type { AdoptOptions, TableChoice } from "../options.js";
import type { Column, Index, ObjectName, Schema, Table } from "../schema.js";
import type { Notice, Obstacle, Step } from "../step.js";
import { NameGiver } from "./names.js";

/** A tenant table on its way behind the wall. */
export interface Adoptee {
  readonly table: Table;
  readonly choice: TableChoice;
  /** Its tenant column, unquoted. */
  readonly column: string;
  /** The tenant column as it was, where it was there before. */
  readonly former: Column | undefined;
  /** Quoted and qualified. */
  readonly sql: string;
  /** Whether its primary key stays as it is. */
  readonly keepsKey: boolean;
  /** Whether rows have to be filled one by one. */
  readonly isFilled: boolean;
}

/** An index that takes another's place when the wall goes up. */
export interface Replacement {
  readonly adoptee: Adoptee;
  readonly former: Index;
  /** The new index, until it takes the former's name. */
  readonly name: string;
  /** Of a partitioned table: the new index of each partition, by the partition's label. */
  readonly parts: ReadonlyMap<string, string>;
  /**
   * How it comes by its place: most indexes take over the name or the constraint; a partitioned table's constraint
   * cannot, but adopts those of its partitions; a deferrable constraint cannot be built beside writes at all.
   */
  readonly how: "take-over" | "adopt" | "rebuild";
}

/** What a plan is drawn up from, and what it has so far. */
export class Draft {
  readonly schema: Schema;
  readonly options: AdoptOptions;
  readonly type: TenantType;
  readonly names: NameGiver;
  readonly adoptees = new Map<string, Adoptee>();
  readonly steps: Step[] = [];
  readonly obstacles: Obstacle[] = [];
  readonly notices: Notice[] = [];
  readonly replacements: Replacement[] = [];
  /** Views that are made anew, as they read by then. */
  readonly definitions = new Map<string, string>();

  constructor(schema: Schema, options: AdoptOptions, type: TenantType) {
    this.schema = schema;
    this.options = options;
    this.type = type;
    this.names = new NameGiver(schema);
  }

  /** The tenant table of a name, if it is one. */
  adoptee(name: ObjectName): Adoptee | undefined {
    return this.adoptees.get(label(name));
  }

  /** The table of a name, of whatever kind, if it is in the schemas that are read. */
  table({ schema, name }: ObjectName): Table | undefined {
    return this.schema.tables.find((table) => table.schema === schema && table.name === name);
  }

  /** Partitions of a table, right below it. */
  partitionsOf(table: ObjectName): readonly Table[] {
    return this.schema.tables.filter(
      ({ partitionOf: parent }) => parent?.schema === table.schema && parent.name === table.name,
    );
  }

  /** Partitions that hold rows, at any depth. */
  leavesOf(table: ObjectName): readonly Table[] {
    return this.partitionsOf(table).flatMap((child) =>
      child.kind === "partitioned" ? this.leavesOf(child) : [child],
    );
  }

  /** The index of a partition that belongs to one of the partitioned table above it. */
  partOf(index: ObjectName, partition: Table): Index | undefined {
    return partition.indexes.find((own) => {
      let parent = own.parent;
      while (parent !== null) {
        if (parent.schema === index.schema && parent.name === index.name) return true;
        const { schema, name } = parent;
        const between = this.schema.tables.find(
          (table) => table.schema === schema && table.indexes.some((other) => other.name === name),
        );
        parent = between?.indexes.find((other) => other.name === name)?.parent ?? null;
      }
      return false;
    });
  }

  /** Bytes of a table and all its partitions. */
  bytesOf(table: Table): number {
    return table.kind === "partitioned"
      ? this.leavesOf(table).reduce((sum, leaf) => sum + leaf.bytes, 0)
      : table.bytes;
  }

  /** Adds a step; what is not said is: in a transaction, catalogue only. */
  step(step: Omit<Step, "transaction" | "bytes" | "locks"> & Partial<Step>): void {
    this.steps.push({ transaction: true, bytes: 0, locks: [], ...step });
  }

  /** Adds an obstacle, unless it has been acknowledged. */
  obstacle(obstacle: Obstacle): void {
    const known = this.options.acknowledge ?? [];
    if (!obstacle.acknowledgeable || !known.includes(obstacle.object))
      this.obstacles.push(obstacle);
  }

  notice(code: string, object: string, text: string): void {
    this.notices.push({ code, object, text });
  }
}

/** A name for people, reports and options: `orders` in `public`, `sales.orders` elsewhere. */
export function label({ schema, name }: ObjectName): string {
  return schema === "public" ? name : `${schema}.${name}`;
}

/** Columns quoted and listed. */
export function columnList(columns: readonly string[]): string {
  return columns.map(quoteIdentifier).join(", ");
}

/** The primary key of a table. */
export function primaryKey(table: Table): Index | undefined {
  return table.indexes.find(({ isPrimary }) => isPrimary);
}
