import { createHash } from "node:crypto";
import type { Schema } from "../schema.js";

const MOST_BYTES = 63;

/** Cuts a name to what PostgreSQL keeps, telling apart by a hash what a plain cut would make one. */
export function fittingName(name: string): string {
  if (Buffer.byteLength(name) <= MOST_BYTES) return name;
  const mark = `_${createHash("sha256").update(name).digest("hex").slice(0, 8)}`;
  let kept = "";
  for (const letter of name) {
    if (Buffer.byteLength(kept + letter + mark) > MOST_BYTES) break;
    kept += letter;
  }
  return kept + mark;
}

/** Gives names that nothing in a schema has yet. Relations share one space of names, constraints one a table. */
export class NameGiver {
  readonly #taken = new Set<string>();

  constructor(schema: Schema) {
    for (const table of schema.tables) {
      this.#take(table.schema, table.name);
      for (const index of table.indexes) {
        this.#take(table.schema, index.name);
        if (index.constraint) this.#take(`${table.schema}.${table.name}`, index.constraint.name);
      }
      for (const { name } of [...table.foreignKeys, ...table.checks]) {
        this.#take(`${table.schema}.${table.name}`, name);
      }
      for (const { sequence } of table.columns) {
        if (sequence) this.#take(sequence.schema, sequence.name);
      }
    }
    for (const view of schema.views) this.#take(view.schema, view.name);
  }

  /** A name for a relation (an index) of a schema. */
  relation(schema: string, wanted: string): string {
    return this.#give(schema, wanted);
  }

  /** A name for a constraint of a table. One that brings an index is a relation's too. */
  constraint(schema: string, table: string, wanted: string): string {
    return this.#give(`${schema}.${table}`, wanted);
  }

  #give(space: string, wanted: string): string {
    for (let n = 0; ; n += 1) {
      const name = fittingName(n === 0 ? wanted : `${wanted}_${n}`);
      if (this.#taken.has(key(space, name))) continue;
      this.#take(space, name);
      return name;
    }
  }

  #take(space: string, name: string): void {
    this.#taken.add(key(space, name));
  }
}

const key = (space: string, name: string) => JSON.stringify([space, name]);
