import type { Db, Document } from "mongodb";
import type { MongoFeature } from "../../../support/mongo-features.js";

/** A way around the guard, as somebody without it opens it. */
export interface Hole {
  /** The finding that must tell of it. */
  readonly code: string;
  /** What is done, in words. */
  readonly plant: string;
  /** `$db` is the database that tenants share. */
  readonly object: string;
  readonly open: (database: Db, tenants: Tenants) => Promise<unknown>;
  /** What a person does where no script can; where there is one it is run instead. */
  readonly mend?: (database: Db) => Promise<unknown>;
  /** What a server must have for it to be opened. */
  readonly needs?: MongoFeature;
}

export interface Tenants {
  readonly a: string;
  readonly b: string;
}

const documents = (database: Db) => database.collection("orders");
const members = (database: Db) => database.collection("members");
const planted = { planted: true };
const remove = (database: Db) => documents(database).deleteMany(planted);
const many = (fields: (n: number) => Document) =>
  Array.from({ length: 10_000 }, (_, n) => ({ ...planted, ...fields(n) }));

const document = (code: string, plant: string, fields: (tenants: Tenants) => Document): Hole => ({
  code,
  plant,
  object: "$db.orders",
  open: (database, tenants) => documents(database).insertOne({ ...planted, ...fields(tenants) }),
  mend: remove,
});

const index = (
  code: string,
  plant: string,
  key: Document,
  options: Document = {},
  needs?: MongoFeature,
): Hole => ({
  code,
  plant,
  object: "$db.members.planted",
  open: (database) => members(database).createIndex(key, { ...options, name: "planted" }),
  ...(needs === undefined ? {} : { needs }),
});

/** Every kind of hole that one of the servers of the tests can have. */
export const HOLES: readonly Hole[] = [
  document("document-without-tenant", "a document without the field", () => ({})),
  document("document-without-tenant", "a document whose tenant is null", () => ({
    tenantId: null,
  })),
  document("document-without-tenant", "a document whose tenant is empty", () => ({ tenantId: "" })),
  document("document-of-several-tenants", "a document of two tenants", ({ a, b }) => ({
    tenantId: [a, b],
  })),
  document("document-of-several-tenants", "a list that holds no tenant", () => ({
    tenantId: ["nobody"],
  })),
  document("document-tenant-type", "a document whose tenant is an object", ({ a }) => ({
    tenantId: { id: a },
  })),
  document("document-tenant-type", "a document whose tenant is a number", () => ({ tenantId: 7 })),
  document("document-tenant-type", "a document whose tenant is a date", () => ({
    tenantId: new Date(),
  })),
  document("document-of-unknown-tenant", "a document of a tenant that there is not", () => ({
    tenantId: "nobody",
  })),
  document("document-of-unknown-tenant", "a tenant in other letters", ({ a }) => ({
    tenantId: a.toUpperCase(),
  })),
  index("unique-index-without-tenant", "a unique index", { email: 1 }, { unique: true }),
  index(
    "unique-index-without-tenant",
    "a unique index of two fields, downwards",
    { email: -1, n: 1 },
    { unique: true },
  ),
  index(
    "unique-index-without-tenant",
    "a sparse unique index, which becomes a partial one",
    { email: 1 },
    { unique: true, sparse: true },
    "indexOptions",
  ),
  {
    // What expires cannot stand behind another field, so that no script mends it.
    ...index(
      "unique-index-without-tenant",
      "a unique index that expires",
      { at: 1 },
      { unique: true, expireAfterSeconds: 60 },
      "indexOptions",
    ),
    mend: (database) => members(database).dropIndex("planted"),
  },
  {
    ...index(
      "index-collation-folds",
      "a unique index that takes ACME for acme",
      { tenantId: 1, email: 1 },
      { unique: true, collation: { locale: "en", strength: 2 } },
      "indexOptions",
    ),
    mend: (database) => members(database).dropIndex("planted"),
  },
  {
    code: "index-missing-tenant",
    plant: "many documents and no index",
    object: "$db.big",
    open: async (database, { a }) => {
      await database.collection("big").insertMany(many(() => ({ tenantId: a })));
    },
  },
  {
    code: "index-without-tenant",
    plant: "many documents and an index that begins with something else",
    object: "$db.big.n_1",
    open: async (database, { a }) => {
      await database.collection("big").insertMany(many((n) => ({ tenantId: a, n })));
      await database.collection("big").createIndex({ tenantId: 1 });
      await database.collection("big").createIndex({ n: 1 });
    },
  },
  {
    code: "capped-collection",
    plant: "a capped collection",
    object: "$db.last",
    open: (database) => database.createCollection("last", { capped: true, size: 100_000 }),
    mend: (database) => database.dropCollection("last"),
    needs: "cappedCollections",
  },
  {
    code: "view",
    plant: "a view that joins all tenants",
    object: "$db.everyone",
    open: (database) =>
      database.createCollection("everyone", {
        viewOn: "orders",
        pipeline: [{ $group: { _id: null, n: { $sum: 1 } } }],
      }),
    mend: (database) => database.dropCollection("everyone"),
    needs: "views",
  },
  {
    code: "time-series-tenant",
    plant: "a time series of all tenants",
    object: "$db.series",
    open: (database) => database.createCollection("series", { timeseries: { timeField: "at" } }),
    mend: (database) => database.dropCollection("series"),
    needs: "timeSeries",
  },
];
