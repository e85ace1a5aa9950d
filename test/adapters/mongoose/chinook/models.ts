import type { Model, Mongoose, Schema } from "mongoose";
import { COLLECTIONS } from "./data.js";

/** A document of Chinook's, and what a populate puts into it. */
export interface Doc {
  [field: string]: any; // oxlint-disable-line typescript/no-explicit-any -- eleven schemas in one
}

/** The models of the shop, which know nothing of tenants. */
export type Models = Record<(typeof COLLECTIONS)[number], Model<Doc>>;

type Fields = Record<string, unknown>;

const FIELDS: Record<(typeof COLLECTIONS)[number], Fields> = {
  Artist: { ArtistId: Number, Name: String },
  Album: { AlbumId: Number, Title: String, ArtistId: Number },
  Genre: { GenreId: Number, Name: String },
  MediaType: { MediaTypeId: Number, Name: String },
  Track: {
    TrackId: Number,
    Name: String,
    AlbumId: Number,
    MediaTypeId: Number,
    GenreId: Number,
    Composer: String,
    Milliseconds: Number,
    Bytes: Number,
    UnitPrice: Number,
  },
  Playlist: { PlaylistId: Number, Name: String },
  PlaylistTrack: { PlaylistId: Number, TrackId: Number },
  Employee: {
    EmployeeId: Number,
    LastName: String,
    FirstName: String,
    Title: String,
    ReportsTo: Number,
    BirthDate: Date,
    HireDate: Date,
    Address: String,
    City: String,
    State: String,
    Country: String,
    PostalCode: String,
    Phone: String,
    Fax: String,
    Email: String,
  },
  Customer: {
    CustomerId: Number,
    FirstName: String,
    LastName: String,
    Company: String,
    Address: String,
    City: String,
    State: String,
    Country: String,
    PostalCode: String,
    Phone: String,
    Fax: String,
    Email: String,
    SupportRepId: Number,
  },
  Invoice: {
    InvoiceId: Number,
    CustomerId: Number,
    InvoiceDate: Date,
    BillingAddress: String,
    BillingCity: String,
    BillingState: String,
    BillingCountry: String,
    BillingPostalCode: String,
    Total: Number,
  },
  InvoiceLine: {
    InvoiceLineId: Number,
    InvoiceId: Number,
    TrackId: Number,
    UnitPrice: Number,
    Quantity: Number,
  },
};

// Chinook's ids are fields like others, so relations go by virtuals: what each finds, by which fields, one or many.
const RELATIONS: readonly [
  on: string,
  name: string,
  ref: string,
  local: string,
  foreign: string,
][] = [
  ["Album", "artist", "Artist", "ArtistId", "ArtistId"],
  ["Track", "album", "Album", "AlbumId", "AlbumId"],
  ["Playlist", "entries", "PlaylistTrack", "PlaylistId", "PlaylistId"],
  ["PlaylistTrack", "track", "Track", "TrackId", "TrackId"],
  ["Employee", "manager", "Employee", "ReportsTo", "EmployeeId"],
  ["Employee", "reports", "Employee", "EmployeeId", "ReportsTo"],
  ["Customer", "agent", "Employee", "SupportRepId", "EmployeeId"],
  ["Customer", "invoices", "Invoice", "CustomerId", "CustomerId"],
  ["Invoice", "customer", "Customer", "CustomerId", "CustomerId"],
  ["Invoice", "lines", "InvoiceLine", "InvoiceId", "InvoiceId"],
];

const MANY = new Set(["entries", "reports", "invoices", "lines"]);

/** Makes the models on a Mongoose, each with a unique index on its id. */
export function chinookModels(mongoose: Mongoose): Models {
  const schemas = new Map<string, Schema>();
  for (const name of COLLECTIONS) {
    const schema = new mongoose.Schema(FIELDS[name] as Record<string, typeof Number>, {
      collection: name,
    });
    const key = name === "PlaylistTrack" ? ["PlaylistId", "TrackId"] : [`${name}Id`];
    schema.index(Object.fromEntries(key.map((field) => [field, 1])), { unique: true });
    schemas.set(name, schema);
  }
  for (const [on, name, ref, localField, foreignField] of RELATIONS)
    schemas.get(on)?.virtual(name, { ref, localField, foreignField, justOne: !MANY.has(name) });
  return Object.fromEntries(
    [...schemas].map(([name, schema]) => [name, mongoose.model(name, schema)]),
  ) as unknown as Models;
}
