import type { Db, Document } from "mongodb";
import type { CommandScope } from "../../../../../src/guards/mongodb/command/command-scope.js";
import type { MongoEngine } from "../../../../support/mongo-servers.js";

/** What an operation is tried with: two tenants in one database, seen by a connection without a guard. */
export interface Trial {
  /** Sends a command, scoped for a tenant. */
  as(tenant: string, command: Document, change?: Partial<CommandScope>): Promise<Document>;
  /** The documents a command's cursor gives, scoped for a tenant. */
  read(tenant: string, command: Document, change?: Partial<CommandScope>): Promise<Document[]>;
  /** What really lies in the database. */
  readonly database: Db;
}

/** An operation that is tried on a server, by the name that the documentation gives it. */
export interface Operation {
  readonly name: string;
  /** The servers that can do it, where not all can; on others it has to fail. */
  readonly on?: readonly MongoEngine[];
  readonly run: (trial: Trial) => Promise<void>;
}

/** Servers that can join. */
export const WIDER: readonly MongoEngine[] = ["mongo-java-server", "mongod"];
/** MongoDB itself. */
export const MONGODB: readonly MongoEngine[] = ["mongod"];
/** The identifiers of documents, in order. */
export const ids = (documents: readonly Document[]) =>
  documents.map(({ _id }) => _id as unknown as number).toSorted((a, b) => a - b);

/** Acme has the orders 1 to 3, Globex 11 and 12, a tenant of nearly the same name 21, and nobody 31. */
export async function fill(database: Db): Promise<void> {
  const order = (_id: number, tenantId: string | undefined, n: number): Document => ({
    _id,
    n,
    ...(tenantId === undefined ? {} : { tenantId }),
    item: n,
    tags: ["a", `t${n}`],
  });
  const orders = [
    order(1, "acme", 1),
    order(2, "acme", 2),
    order(3, "acme", 3),
    order(11, "globex", 1),
    order(12, "globex", 2),
    order(21, "ACME", 1),
    order(31, undefined, 1),
  ];
  await database.collection("orders").insertMany(orders);
  const items: Document[] = [
    { _id: 1, tenantId: "acme", n: 1, next: 2 },
    { _id: 2, tenantId: "globex", n: 1, next: 3 },
    { _id: 3, tenantId: "acme", n: 2 },
  ];
  await database.collection("items").insertMany(items);
  const countries: Document[] = [
    { _id: 1, n: 1 },
    { _id: 2, n: 2 },
  ];
  await database.collection("countries").insertMany(countries);
}
