import { sql } from "drizzle-orm";
import { integer, pgTable, primaryKey, text, timestamp, uuid } from "drizzle-orm/pg-core";

// The database stamps the tenant, so no insert of the application names it.
const tenantId = () =>
  uuid("tenant_id")
    .notNull()
    .default(sql`partywall.tenant_uuid()`);

/** Shared by all shops: no tenant column, readable from every scope. */
export const genres = pgTable("genres", {
  id: integer().primaryKey(),
  name: text().notNull(),
});

export const artists = pgTable(
  "artists",
  { tenantId: tenantId(), id: integer().notNull(), name: text().notNull() },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
);

export const albums = pgTable(
  "albums",
  {
    tenantId: tenantId(),
    id: integer().notNull(),
    artistId: integer("artist_id").notNull(),
    genreId: integer("genre_id").notNull(),
    title: text().notNull(),
    year: integer().notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
);

export const tracks = pgTable(
  "tracks",
  {
    tenantId: tenantId(),
    id: integer().notNull(),
    albumId: integer("album_id").notNull(),
    title: text().notNull(),
    seconds: integer().notNull(),
    priceCents: integer("price_cents").notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
);

export const customers = pgTable(
  "customers",
  {
    tenantId: tenantId(),
    id: integer().notNull(),
    name: text().notNull(),
    email: text().notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
);

export const orders = pgTable(
  "orders",
  {
    tenantId: tenantId(),
    id: integer().notNull(),
    customerId: integer("customer_id").notNull(),
    placedAt: timestamp("placed_at", { withTimezone: true, mode: "string" }).notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
);

export const orderLines = pgTable(
  "order_lines",
  {
    tenantId: tenantId(),
    orderId: integer("order_id").notNull(),
    trackId: integer("track_id").notNull(),
    priceCents: integer("price_cents").notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.orderId, table.trackId] })],
);

/** The last order number each shop has given out, so that every shop counts for itself. */
export const orderNumbers = pgTable("order_numbers", {
  tenantId: tenantId().primaryKey(),
  last: integer().notNull(),
});
