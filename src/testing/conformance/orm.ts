import type { PostgresGuard } from "../../guards/postgres/guard.js";
import type { PgModule } from "../../guards/postgres/driver.js";

/** A row of `authors`, as an ORM gives it. */
export interface Author {
  readonly id: number;
  readonly name: string;
  readonly rating: number | null;
}

/** A row of `books`. */
export interface Book {
  readonly id: number;
  readonly title: string;
  readonly pages: number;
  readonly authorId: number | null;
}

/** A row of `tags`, whose model has the tenant field. */
export interface Tag {
  readonly id: number;
  readonly label: string;
  readonly tenantId: string;
}

/** An author with the titles of its books, in the order of their ids. */
export interface AuthorWithBooks {
  readonly name: string;
  readonly books: readonly string[];
}

/**
 * What an application does through an ORM, each in the ORM's own native way: no filter by tenant anywhere, and raw SQL only
 * where the name says so. Lists are in the order of ids unless told. An operation that the ORM does not have is left
 * out, and its capability named in {@link OrmSubject.missing} with the reason.
 */
export interface OrmSession {
  createAuthor(values: { readonly name: string; readonly rating?: number }): Promise<Author>;
  /** Undefined where there is none. */
  findAuthor(id: number): Promise<Author | undefined>;
  authors(): Promise<readonly Author[]>;
  /** Resolves to the number of rows changed. */
  renameAuthor(id: number, name: string): Promise<number>;
  /** Resolves to the number of rows removed. */
  removeAuthor(id: number): Promise<number>;
  /** Writes all in one call of the ORM's bulk insert. */
  createAuthors(values: readonly { readonly name: string }[]): Promise<unknown>;
  /** Gives every author that is seen the same rating, in one call; resolves to the number of rows changed. */
  rateAuthors(rating: number): Promise<number>;
  /** Inserts with this id, or renames the author that has it. */
  upsertAuthor(values: { readonly id: number; readonly name: string }): Promise<unknown>;
  createBook(values: {
    readonly title: string;
    readonly pages?: number;
    readonly authorId?: number;
    /** Of the column without a foreign key. */
    readonly reviewerId?: number;
  }): Promise<Book>;
  /** Inner join of books and authors, in the order of the books' ids. */
  joined(): Promise<readonly { readonly title: string; readonly author: string }[]>;
  /** Authors with their books, by every way the ORM has: include, with, populate, a relation loader, … */
  readonly nestedReads: Readonly<Record<string, () => Promise<readonly AuthorWithBooks[]>>>;
  /** Creates an author with books, in one call. */
  createAuthorWithBooks?(values: {
    readonly name: string;
    readonly titles: readonly string[];
  }): Promise<unknown>;
  /** Points a book at an author through the relation. */
  connectAuthor?(bookId: number, authorId: number): Promise<unknown>;
  /** Renames the author of a book through the relation: loads the book with it, changes and saves, or a nested update. */
  renameAuthorOf?(bookId: number, name: string): Promise<unknown>;
  /** Creates tags and puts them on a book through the many-to-many relation. */
  tagBook?(bookId: number, labels: readonly string[]): Promise<unknown>;
  /** Labels of a book's tags through the many-to-many relation, sorted. */
  tagsOf?(bookId: number): Promise<readonly string[]>;
  /** The name of a book's reviewer, through the relation over `reviewer_id`. */
  reviewerOf?(bookId: number): Promise<string | undefined>;
  /** Renames a book's reviewer through that relation. */
  renameReviewerOf?(bookId: number, name: string): Promise<unknown>;
  /** The tenant field left out, or given. */
  createTag(values: { readonly label: string; readonly tenantId?: string }): Promise<Tag>;
  countAuthors(): Promise<number>;
  /** Sum of pages by author, by the ORM's own aggregates; in the order of names. */
  pagesByAuthor(): Promise<readonly { readonly name: string; readonly pages: number }[]>;
  /** Titles with their rank by pages, most first, by a window function; in the order of ranks. */
  ranked?(): Promise<readonly { readonly title: string; readonly rank: number }[]>;
  page(limit: number, offset: number): Promise<readonly Author[]>;
  /** Rows one by one, by the ORM's stream or cursor. */
  stream?(): AsyncIterable<{ readonly name: string }>;
  /** Loads an author and returns what loads its titles later, by a lazy relation. */
  lazyBooks?(authorId: number): Promise<() => Promise<readonly string[]>>;
  /** A raw query; parameters are written `$1`, `$2`, and the implementation rewrites them for the ORM. */
  raw(text: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]>;
  /** A query by the builder whose condition is this piece of raw SQL. */
  authorsWhere?(fragment: string): Promise<readonly Author[]>;
  /** Updates an author's name to a SQL expression: `sql`, `literal`, a function. */
  renameAuthorToSql?(id: number, expression: string): Promise<unknown>;
  /** A query of {@link authors} that was built and is not awaited yet. */
  pending(): PromiseLike<readonly Author[]>;
  /** Commits when `fn` resolves, rolls back when it rejects. In a transaction, a nested one. */
  transaction?<T>(fn: (session: OrmSession) => Promise<T>): Promise<T>;
}

/** An ORM over a guard. */
export interface OrmUnderTest {
  /** As a request would have it: a new one for each call, where the ORM has something of the kind. */
  session(): OrmSession;
  /** The ORM's client as it was proved by {@link PostgresGuard.assertWired}. */
  close(): Promise<unknown>;
}

/** What an ORM is wired over. */
export interface OrmWiring {
  readonly guard: PostgresGuard<PgModule>;
  /** Connection string of the application's login, for ORMs whose pool is their own. */
  readonly url: string;
  /** How many connections that pool may have. */
  readonly max: number;
}

/** What the suite tests of an ORM, one row of the capability matrix each. */
export const CAPABILITIES = {
  create: "create",
  read: "read",
  update: "update",
  delete: "delete",
  bulk: "bulk insert and update",
  upsert: "upsert",
  join: "join",
  nestedRead: "nested read",
  cascade: "nested write: create",
  connect: "nested write: connect",
  nestedUpdate: "nested write: update",
  manyToMany: "nested write: many-to-many",
  tenantField: "tenant field of a model",
  transaction: "transaction",
  nestedTransaction: "nested transaction",
  rollback: "rollback",
  raw: "raw query",
  fragment: "raw fragment in a builder",
  sqlValue: "SQL as a value",
  aggregate: "aggregate",
  window: "window function",
  pagination: "pagination",
  stream: "streaming",
  lazyRelation: "lazy relation",
  interleaved: "two interleaved tenants",
  crowd: "a hundred tenants, a pool of two",
  awaitedElsewhere: "built in one scope, awaited in another",
  noScope: "refused without a scope",
  central: "refused in a central scope",
  mismatch: "another tenant's id refused",
  seal: "refused seal",
  foreignRow: "attack: relation to another tenant's row",
  looseRelation: "attack: relation without a foreign key",
  spoofing: "attack: settings in a fragment",
  wiring: "refused when wired past the guard",
  migrations: "migrations",
} as const;

/** One of {@link CAPABILITIES}. */
export type Capability = keyof typeof CAPABILITIES;

/** An ORM, as the conformance suite takes it. */
export interface OrmSubject {
  /** Its name in the matrix. */
  readonly name: string;
  /** Wires it over the guard, as an application does, and proves it with `guard.assertWired`. Called outside any scope. */
  open(wiring: OrmWiring): Promise<OrmUnderTest>;
  /**
   * Wires it as its page in the documentation says, but over a driver that is not the guard's: resolves if that is let
   * pass. `unguarded` is the plain driver.
   */
  bypass(wiring: OrmWiring, unguarded: PgModule): Promise<unknown>;
  /** Whose rows {@link OrmSession.pending} gives: of the scope that built it, or of the one that awaits it. */
  readonly pendingRunsFor: "builder" | "awaiter";
  /**
   * Runs the ORM's own migrator under the migration login, outside any scope: it creates the table `leftovers (id int
   * primary key, tenant_id uuid not null)` in `public`.
   */
  migrate?(url: string): Promise<unknown>;
  /** Capabilities that the ORM itself does not have, with the reason; their tests are skipped and the reason is printed. */
  readonly missing?: Partial<Record<Capability, string>>;
}
