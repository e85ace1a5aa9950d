import { Kysely, PostgresDialect, type ColumnType, type PostgresPool } from "kysely";
import { jsonArrayFrom } from "kysely/helpers/postgres";
import type { Shopkeeper } from "../chinook/questions.js";

// NUMERIC and count() come as text, as pg gives them.
type Numeric = ColumnType<string, number, number>;

interface Database {
  artist: { artist_id: number; name: string | null };
  album: { album_id: number; title: string; artist_id: number };
  track: { track_id: number; name: string; album_id: number | null };
  playlist: { playlist_id: number; name: string | null };
  playlist_track: { playlist_id: number; track_id: number };
  employee: { employee_id: number; last_name: string; reports_to: number | null };
  customer: { customer_id: number; last_name: string; support_rep_id: number | null };
  invoice: {
    invoice_id: number;
    customer_id: number;
    invoice_date: Date;
    billing_country: string | null;
    total: Numeric;
  };
  invoice_line: {
    invoice_line_id: number;
    invoice_id: number;
    track_id: number;
    quantity: number;
  };
}

export const shopkeeper: Shopkeeper = {
  name: "Kysely",
  open: async ({ guard }) => {
    const db = new Kysely<Database>({
      dialect: new PostgresDialect({ pool: guard.pool as unknown as PostgresPool }),
    });
    return {
      // The pool is the guard's, and closed with it.
      close: async () => undefined,
      answers: {
        spending: async () =>
          (
            await db
              .selectFrom("customer as c")
              .innerJoin("employee as e", "e.employee_id", "c.support_rep_id")
              .innerJoin("invoice as i", "i.customer_id", "c.customer_id")
              .select((eb) => [
                "c.customer_id",
                "c.last_name",
                "e.last_name as agent",
                eb.fn.countAll().as("invoices"),
                eb.fn.sum("i.total").as("spent"),
              ])
              .groupBy(["c.customer_id", "c.last_name", "e.last_name"])
              .orderBy("c.customer_id")
              .execute()
          ).map((row) => ({ ...row, invoices: Number(row.invoices), spent: Number(row.spent) })),
        bestsellers: async () =>
          (
            await db
              .selectFrom("invoice_line as l")
              .innerJoin("track as t", "t.track_id", "l.track_id")
              .select((eb) => ["t.track_id", "t.name", eb.fn.sum("l.quantity").as("sold")])
              .groupBy(["t.track_id", "t.name"])
              .orderBy("sold", "desc")
              .orderBy("t.track_id")
              .limit(10)
              .execute()
          ).map((row) => ({ ...row, sold: Number(row.sold) })),
        prolific: async () =>
          (
            await db
              .selectFrom("artist as ar")
              .innerJoin("album as al", "al.artist_id", "ar.artist_id")
              .innerJoin("track as t", "t.album_id", "al.album_id")
              .select((eb) => ["ar.artist_id", "ar.name", eb.fn.countAll().as("tracks")])
              .groupBy(["ar.artist_id", "ar.name"])
              .having((eb) => eb.fn.countAll(), ">=", 5)
              .orderBy("tracks", "desc")
              .orderBy("ar.artist_id")
              .execute()
          ).map((row) => ({ ...row, tracks: Number(row.tracks) })),
        countries: async () =>
          (
            await db
              .selectFrom("invoice")
              .select((eb) => [
                "billing_country",
                eb.fn.countAll().as("invoices"),
                eb.fn.sum("total").as("revenue"),
              ])
              .groupBy("billing_country")
              .orderBy("revenue", "desc")
              .orderBy("billing_country")
              .execute()
          ).map((row) => ({
            ...row,
            invoices: Number(row.invoices),
            revenue: Number(row.revenue),
          })),
        history: async () =>
          (
            await db
              .selectFrom("customer as c")
              .select((eb) => [
                "c.customer_id",
                jsonArrayFrom(
                  eb
                    .selectFrom("invoice as i")
                    .select((ib) => [
                      "i.invoice_id",
                      jsonArrayFrom(
                        ib
                          .selectFrom("invoice_line as l")
                          .select("l.track_id")
                          .whereRef("l.invoice_id", "=", "i.invoice_id")
                          .orderBy("l.invoice_line_id"),
                      ).as("lines"),
                    ])
                    .whereRef("i.customer_id", "=", "c.customer_id")
                    .orderBy("i.invoice_id"),
                ).as("invoices"),
              ])
              .orderBy("c.customer_id")
              .limit(5)
              .execute()
          ).map(({ customer_id, invoices }) => ({
            customer_id,
            invoices: invoices.map(({ invoice_id, lines }) => ({
              invoice_id,
              tracks: lines.map(({ track_id }) => track_id),
            })),
          })),
        playlists: async () =>
          (
            await db
              .selectFrom("playlist as p")
              .select((eb) => [
                "p.playlist_id",
                "p.name",
                jsonArrayFrom(
                  eb
                    .selectFrom("playlist_track as pt")
                    .innerJoin("track as t", "t.track_id", "pt.track_id")
                    .select("t.track_id")
                    .whereRef("pt.playlist_id", "=", "p.playlist_id")
                    .orderBy("t.track_id"),
                ).as("tracks"),
              ])
              .where("p.playlist_id", "in", (eb) =>
                eb
                  .selectFrom("playlist_track")
                  .select("playlist_id")
                  .groupBy("playlist_id")
                  .having((hb) => hb.fn.countAll(), "<", 50),
              )
              .orderBy("p.playlist_id")
              .execute()
          ).map(({ tracks, ...one }) => ({
            ...one,
            tracks: tracks.map(({ track_id }) => track_id),
          })),
        love: () =>
          db
            .selectFrom("track as t")
            .innerJoin("album as al", "al.album_id", "t.album_id")
            .innerJoin("artist as ar", "ar.artist_id", "al.artist_id")
            .select(["t.track_id", "t.name", "al.title as album", "ar.name as artist"])
            .where("t.name", "ilike", "%love%")
            .orderBy("t.track_id")
            .execute(),
        bigSpenders: async () =>
          (
            await db
              .with("each_one", (cte) =>
                cte
                  .selectFrom("invoice")
                  .select((eb) => ["customer_id", eb.fn.sum("total").as("spent")])
                  .groupBy("customer_id"),
              )
              .selectFrom("each_one")
              .select(["customer_id", "spent"])
              .where("spent", ">", (eb) =>
                eb.selectFrom("each_one").select((sb) => sb.fn.avg<string>("spent").as("average")),
              )
              .orderBy("customer_id")
              .execute()
          ).map((row) => ({ ...row, spent: Number(row.spent) })),
        staff: async () =>
          (
            await db
              .selectFrom("employee as e")
              .leftJoin("employee as m", "m.employee_id", "e.reports_to")
              .select((eb) => [
                "e.employee_id",
                "e.last_name",
                "m.last_name as manager",
                jsonArrayFrom(
                  eb
                    .selectFrom("employee as r")
                    .select("r.employee_id")
                    .whereRef("r.reports_to", "=", "e.employee_id")
                    .orderBy("r.employee_id"),
                ).as("reports"),
              ])
              .orderBy("e.employee_id")
              .execute()
          ).map(({ reports, ...one }) => ({
            ...one,
            reports: reports.map(({ employee_id }) => employee_id),
          })),
        thirdPage: async () =>
          (
            await db
              .selectFrom("invoice as i")
              .innerJoin("customer as c", "c.customer_id", "i.customer_id")
              .select(["i.invoice_id", "i.total", "c.last_name"])
              .orderBy("i.invoice_date", "desc")
              .orderBy("i.invoice_id", "desc")
              .limit(10)
              .offset(20)
              .execute()
          ).map((row) => ({ ...row, total: Number(row.total) })),
      },
    };
  },
};
