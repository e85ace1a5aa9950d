import knex from "knex";
import { guardKnex } from "partywall/adapters/knex";
import type { Answers, Shopkeeper } from "../chinook/questions.js";

/** The columns of each table that the questions are about. */
interface Tables {
  readonly customer: { readonly customer_id: number };
  readonly invoice: { readonly invoice_id: number; readonly customer_id: number };
  readonly invoice_line: { readonly invoice_id: number; readonly track_id: number };
  readonly employee: {
    readonly employee_id: number;
    readonly last_name: string;
    readonly reports_to: number | null;
  };
}

function answersOf(db: ReturnType<typeof knex>): Answers {
  const numbers = (rows: Promise<object[]>, ...columns: readonly string[]) =>
    rows.then((all) =>
      all.map((row) =>
        Object.fromEntries(
          Object.entries(row).map(([name, value]) => [
            name,
            columns.includes(name) ? Number(value) : (value as unknown),
          ]),
        ),
      ),
    );
  return {
    spending: () =>
      numbers(
        db("customer as c")
          .join("employee as e", "e.employee_id", "c.support_rep_id")
          .join("invoice as i", "i.customer_id", "c.customer_id")
          .groupBy("c.customer_id", "c.last_name", "e.last_name")
          .orderBy("c.customer_id")
          .count({ invoices: "*" })
          .sum({ spent: "i.total" })
          .select("c.customer_id", "c.last_name", "e.last_name as agent"),
        "invoices",
        "spent",
      ),
    bestsellers: () =>
      numbers(
        db("invoice_line as l")
          .join("track as t", "t.track_id", "l.track_id")
          .groupBy("t.track_id", "t.name")
          .orderBy([{ column: "sold", order: "desc" }, "t.track_id"])
          .limit(10)
          .sum({ sold: "l.quantity" })
          .select("t.track_id", "t.name"),
        "sold",
      ),
    prolific: () =>
      numbers(
        db("artist as ar")
          .join("album as al", "al.artist_id", "ar.artist_id")
          .join("track as t", "t.album_id", "al.album_id")
          .groupBy("ar.artist_id", "ar.name")
          .having(db.raw("count(*)"), ">=", 5)
          .orderBy([{ column: "tracks", order: "desc" }, "ar.artist_id"])
          .count({ tracks: "*" })
          .select("ar.artist_id", "ar.name"),
        "tracks",
      ),
    countries: () =>
      numbers(
        db("invoice")
          .groupBy("billing_country")
          .orderBy([{ column: "revenue", order: "desc" }, "billing_country"])
          .count({ invoices: "*" })
          .sum({ revenue: "total" })
          .select("billing_country"),
        "invoices",
        "revenue",
      ),
    history: async () => {
      const customers = await db<Tables["customer"]>("customer")
        .select("customer_id")
        .orderBy("customer_id")
        .limit(5);
      const invoices = await db<Tables["invoice"]>("invoice")
        .whereIn(
          "customer_id",
          customers.map(({ customer_id }) => customer_id),
        )
        .orderBy("invoice_id");
      const lines = await db<Tables["invoice_line"]>("invoice_line")
        .whereIn(
          "invoice_id",
          invoices.map(({ invoice_id }) => invoice_id),
        )
        .orderBy("invoice_line_id");
      return customers.map(({ customer_id }) => ({
        customer_id,
        invoices: invoices
          .filter((invoice) => invoice.customer_id === customer_id)
          .map(({ invoice_id }) => ({
            invoice_id,
            tracks: lines
              .filter((line) => line.invoice_id === invoice_id)
              .map(({ track_id }) => track_id),
          })),
      }));
    },
    playlists: () =>
      db("playlist as p")
        .join("playlist_track as pt", "pt.playlist_id", "p.playlist_id")
        .groupBy("p.playlist_id", "p.name")
        .havingRaw("count(*) < ?", [50])
        .orderBy("p.playlist_id")
        .select(
          "p.playlist_id",
          "p.name",
          db.raw("json_agg(pt.track_id order by pt.track_id) as tracks"),
        ),
    love: () =>
      db("track as t")
        .join("album as al", "al.album_id", "t.album_id")
        .join("artist as ar", "ar.artist_id", "al.artist_id")
        .whereILike("t.name", "%love%")
        .orderBy("t.track_id")
        .select("t.track_id", "t.name", "al.title as album", "ar.name as artist"),
    bigSpenders: () => {
      const each = db("invoice").sum({ spent: "total" }).groupBy("customer_id").as("each_one");
      return numbers(
        db("invoice")
          .groupBy("customer_id")
          .having(db.raw("sum(total)"), ">", db.avg("spent").from(each))
          .orderBy("customer_id")
          .sum({ spent: "total" })
          .select("customer_id"),
        "spent",
      );
    },
    staff: async () => {
      const staff = await db<Tables["employee"]>("employee").orderBy("employee_id");
      const managers: { employee_id: number; manager: string | null }[] = await db("employee as e")
        .leftJoin("employee as m", "m.employee_id", "e.reports_to")
        .select("e.employee_id", "m.last_name as manager");
      return staff.map(({ employee_id, last_name }) => ({
        employee_id,
        last_name,
        manager: managers.find((one) => one.employee_id === employee_id)?.manager,
        reports: staff
          .filter(({ reports_to }) => reports_to === employee_id)
          .map((one) => one.employee_id),
      }));
    },
    thirdPage: () =>
      numbers(
        db("invoice as i")
          .join("customer as c", "c.customer_id", "i.customer_id")
          .orderBy([
            { column: "i.invoice_date", order: "desc" },
            { column: "i.invoice_id", order: "desc" },
          ])
          .limit(10)
          .offset(20)
          .select("i.invoice_id", "i.total", "c.last_name"),
        "total",
      ),
  };
}

export const shopkeeper: Shopkeeper = {
  name: "Knex",
  open: async ({ guard }) => {
    const db = guardKnex(guard, knex({ client: "pg" }));
    await guard.assertWired((text) => db.raw(text));
    return { answers: answersOf(db), close: () => db.destroy() };
  },
};
