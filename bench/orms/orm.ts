import type pg from "pg";

/** An author with the titles of its books, in any order. */
export interface Shelf {
  readonly name: string;
  readonly titles: readonly string[];
}

/** What is measured of an ORM. `tenant` is given where the filter is written by hand, and left out over the guard. */
export interface Library {
  /** The name of an author, by its id. */
  author(id: number, tenant?: string): Promise<string | undefined>;
  /** An author with its books, in the ORM's usual way to read a relation. */
  shelf(id: number, tenant?: string): Promise<Shelf | undefined>;
  /** Inserts a tag. */
  addTag(label: string, tenant?: string): PromiseLike<unknown>;
}

/** What an ORM is opened over: the plain driver, or the guard's. */
export interface Wiring {
  readonly driver: typeof pg;
  /** Of `max` connections. */
  readonly pool: pg.Pool;
  readonly url: string;
  readonly max: number;
  /** Over the guard, the named function of its adapter; over the plain driver, what gives the client back as it is. */
  readonly adapter: (file: string, name: string) => Promise<<Client>(client: Client) => Client>;
}

/** An ORM whose cost over the guard is measured. */
export interface Orm {
  readonly name: string;
  /** The oldest major of Node.js that it runs on; absent for the oldest that this package runs on. */
  readonly node?: number;
  open(wiring: Wiring): Promise<Library>;
}
