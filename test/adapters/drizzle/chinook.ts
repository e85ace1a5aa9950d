import {
  asc,
  count,
  desc,
  eq,
  gt,
  ilike,
  inArray,
  lt,
  gte,
  relations,
  sql,
  sum,
} from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { alias, integer, numeric, pgTable, primaryKey, text, timestamp } from "drizzle-orm/pg-core";
import { guardDrizzle } from "partywall/adapters/drizzle";
import type { Pool } from "pg";
import type { Shopkeeper } from "../chinook/questions.js";

const artist = pgTable("artist", {
  artist_id: integer().primaryKey(),
  name: text(),
});

const album = pgTable("album", {
  album_id: integer().primaryKey(),
  title: text().notNull(),
  artist_id: integer().notNull(),
});

const track = pgTable("track", {
  track_id: integer().primaryKey(),
  name: text().notNull(),
  album_id: integer(),
});

const playlist = pgTable("playlist", {
  playlist_id: integer().primaryKey(),
  name: text(),
});

const playlistTrack = pgTable(
  "playlist_track",
  { playlist_id: integer().notNull(), track_id: integer().notNull() },
  (table) => [primaryKey({ columns: [table.playlist_id, table.track_id] })],
);

const employee = pgTable("employee", {
  employee_id: integer().primaryKey(),
  last_name: text().notNull(),
  reports_to: integer(),
});

const customer = pgTable("customer", {
  customer_id: integer().primaryKey(),
  last_name: text().notNull(),
  support_rep_id: integer(),
});

const invoice = pgTable("invoice", {
  invoice_id: integer().primaryKey(),
  customer_id: integer().notNull(),
  invoice_date: timestamp().notNull(),
  billing_country: text(),
  total: numeric({ mode: "number" }).notNull(),
});

const invoiceLine = pgTable("invoice_line", {
  invoice_line_id: integer().primaryKey(),
  invoice_id: integer().notNull(),
  track_id: integer().notNull(),
  quantity: integer().notNull(),
});

const schema = {
  artist,
  album,
  track,
  playlist,
  playlistTrack,
  employee,
  customer,
  invoice,
  invoiceLine,
  albumRelations: relations(album, ({ one }) => ({
    artist: one(artist, { fields: [album.artist_id], references: [artist.artist_id] }),
  })),
  trackRelations: relations(track, ({ one }) => ({
    album: one(album, { fields: [track.album_id], references: [album.album_id] }),
  })),
  playlistRelations: relations(playlist, ({ many }) => ({ tracks: many(playlistTrack) })),
  playlistTrackRelations: relations(playlistTrack, ({ one }) => ({
    playlist: one(playlist, {
      fields: [playlistTrack.playlist_id],
      references: [playlist.playlist_id],
    }),
    track: one(track, { fields: [playlistTrack.track_id], references: [track.track_id] }),
  })),
  employeeRelations: relations(employee, ({ one, many }) => ({
    manager: one(employee, {
      fields: [employee.reports_to],
      references: [employee.employee_id],
      relationName: "reports",
    }),
    reports: many(employee, { relationName: "reports" }),
  })),
  customerRelations: relations(customer, ({ many }) => ({ invoices: many(invoice) })),
  invoiceRelations: relations(invoice, ({ one, many }) => ({
    customer: one(customer, {
      fields: [invoice.customer_id],
      references: [customer.customer_id],
    }),
    lines: many(invoiceLine),
  })),
  invoiceLineRelations: relations(invoiceLine, ({ one }) => ({
    invoice: one(invoice, {
      fields: [invoiceLine.invoice_id],
      references: [invoice.invoice_id],
    }),
  })),
};

export const shopkeeper: Shopkeeper = {
  name: "Drizzle",
  open: async ({ guard }) => {
    const db = guardDrizzle(guard, drizzle({ client: guard.pool as Pool, schema }));
    const spent = sum(invoice.total).mapWith(Number);
    return {
      // The pool is the guard's, and closed with it.
      close: async () => undefined,
      answers: {
        spending: async () =>
          db
            .select({
              customer_id: customer.customer_id,
              last_name: customer.last_name,
              agent: employee.last_name,
              invoices: count(),
              spent,
            })
            .from(customer)
            .innerJoin(employee, eq(employee.employee_id, customer.support_rep_id))
            .innerJoin(invoice, eq(invoice.customer_id, customer.customer_id))
            .groupBy(customer.customer_id, customer.last_name, employee.last_name)
            .orderBy(asc(customer.customer_id)),
        bestsellers: async () => {
          const sold = sum(invoiceLine.quantity).mapWith(Number);
          return db
            .select({ track_id: track.track_id, name: track.name, sold })
            .from(invoiceLine)
            .innerJoin(track, eq(track.track_id, invoiceLine.track_id))
            .groupBy(track.track_id, track.name)
            .orderBy(desc(sold), asc(track.track_id))
            .limit(10);
        },
        prolific: async () =>
          db
            .select({ artist_id: artist.artist_id, name: artist.name, tracks: count() })
            .from(artist)
            .innerJoin(album, eq(album.artist_id, artist.artist_id))
            .innerJoin(track, eq(track.album_id, album.album_id))
            .groupBy(artist.artist_id, artist.name)
            .having(gte(count(), 5))
            .orderBy(desc(count()), asc(artist.artist_id)),
        countries: async () =>
          db
            .select({ billing_country: invoice.billing_country, invoices: count(), revenue: spent })
            .from(invoice)
            .groupBy(invoice.billing_country)
            .orderBy(desc(spent), asc(invoice.billing_country)),
        history: async () =>
          (
            await db.query.customer.findMany({
              columns: { customer_id: true },
              with: {
                invoices: {
                  columns: { invoice_id: true },
                  orderBy: asc(invoice.invoice_id),
                  with: {
                    lines: {
                      columns: { track_id: true },
                      orderBy: asc(invoiceLine.invoice_line_id),
                    },
                  },
                },
              },
              orderBy: asc(customer.customer_id),
              limit: 5,
            })
          ).map(({ customer_id, invoices }) => ({
            customer_id,
            invoices: invoices.map(({ invoice_id, lines }) => ({
              invoice_id,
              tracks: lines.map(({ track_id }) => track_id),
            })),
          })),
        playlists: async () => {
          const short = db
            .select({ playlist_id: playlistTrack.playlist_id })
            .from(playlistTrack)
            .groupBy(playlistTrack.playlist_id)
            .having(lt(count(), 50));
          const found = await db.query.playlist.findMany({
            where: inArray(playlist.playlist_id, short),
            with: { tracks: { with: { track: true }, orderBy: asc(playlistTrack.track_id) } },
            orderBy: asc(playlist.playlist_id),
          });
          return found.map(({ tracks, ...one }) => ({
            ...one,
            tracks: tracks.map((each) => each.track.track_id),
          }));
        },
        love: async () =>
          (
            await db.query.track.findMany({
              where: ilike(track.name, "%love%"),
              with: { album: { with: { artist: true } } },
              orderBy: asc(track.track_id),
            })
          ).map((one) => ({
            track_id: one.track_id,
            name: one.name,
            album: one.album?.title,
            artist: one.album?.artist.name,
          })),
        bigSpenders: async () => {
          const each = db
            .select({ spent: sum(invoice.total).as("spent") })
            .from(invoice)
            .groupBy(invoice.customer_id)
            .as("each_one");
          const average = db.select({ spent: sql`avg(${each.spent})` }).from(each);
          return db
            .select({ customer_id: invoice.customer_id, spent })
            .from(invoice)
            .groupBy(invoice.customer_id)
            .having(gt(sum(invoice.total), sql`(${average})`))
            .orderBy(asc(invoice.customer_id));
        },
        staff: async () =>
          (
            await db.query.employee.findMany({
              with: {
                manager: true,
                reports: { columns: { employee_id: true }, orderBy: asc(employee.employee_id) },
              },
              orderBy: asc(employee.employee_id),
            })
          ).map(({ employee_id, last_name, manager, reports }) => ({
            employee_id,
            last_name,
            manager: manager?.last_name ?? null,
            reports: reports.map((one) => one.employee_id),
          })),
        thirdPage: async () => {
          const buyer = alias(customer, "buyer");
          return db
            .select({
              invoice_id: invoice.invoice_id,
              total: invoice.total,
              last_name: buyer.last_name,
            })
            .from(invoice)
            .innerJoin(buyer, eq(buyer.customer_id, invoice.customer_id))
            .orderBy(desc(invoice.invoice_date), desc(invoice.invoice_id))
            .limit(10)
            .offset(20);
        },
      },
    };
  },
};
