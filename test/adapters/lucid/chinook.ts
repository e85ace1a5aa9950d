import type { Database } from "@adonisjs/lucid/database";
import type { ConnectionConfig } from "@adonisjs/lucid/types/database";
import type { BelongsTo, HasMany, ManyToMany } from "@adonisjs/lucid/types/relations";
import { guardLucid } from "partywall/adapters/lucid";
import type { Answers, Shopkeeper } from "../chinook/questions.js";
import { lucidDatabase } from "./orm.js";

async function modelsOf(db: Database) {
  const { BaseModel, belongsTo, column, hasMany, manyToMany } = await import("@adonisjs/lucid/orm");
  class Model extends BaseModel {
    declare id: number;
  }
  class Artist extends Model {
    static override table = "artist";
    declare name: string;
  }
  class Album extends Model {
    static override table = "album";
    declare title: string;
    declare artistId: number;
    declare artist: BelongsTo<typeof Artist>;
  }
  class Track extends Model {
    static override table = "track";
    declare name: string;
    declare albumId: number;
    declare album: BelongsTo<typeof Album>;
  }
  class Playlist extends Model {
    static override table = "playlist";
    declare name: string;
    declare tracks: ManyToMany<typeof Track>;
  }
  class Employee extends Model {
    static override table = "employee";
    declare lastName: string;
    declare reportsTo: number | null;
    declare manager: BelongsTo<typeof Employee>;
    declare reports: HasMany<typeof Employee>;
  }
  class Customer extends Model {
    static override table = "customer";
    declare lastName: string;
    declare invoices: HasMany<typeof Invoice>;
  }
  class Invoice extends Model {
    static override table = "invoice";
    declare total: string;
    declare customerId: number;
    declare customer: BelongsTo<typeof Customer>;
    declare lines: HasMany<typeof InvoiceLine>;
  }
  class InvoiceLine extends Model {
    static override table = "invoice_line";
    declare invoiceId: number;
    declare trackId: number;
  }
  const columns = [
    [Artist, "name"],
    [Album, "title", "artistId"],
    [Track, "name", "albumId"],
    [Playlist, "name"],
    [Employee, "lastName", "reportsTo"],
    [Customer, "lastName"],
    [Invoice, "total", "customerId"],
    [InvoiceLine, "invoiceId", "trackId"],
  ] as const;
  for (const [one, ...names] of columns) {
    one.$adapter = db.modelAdapter();
    column({ isPrimary: true, columnName: `${one.table}_id` })(one.prototype, "id");
    for (const name of names) column()(one.prototype, name);
  }
  belongsTo(() => Artist)(Album.prototype, "artist");
  belongsTo(() => Album)(Track.prototype, "album");
  manyToMany(() => Track, {
    pivotTable: "playlist_track",
    pivotForeignKey: "playlist_id",
    pivotRelatedForeignKey: "track_id",
  })(Playlist.prototype, "tracks");
  belongsTo(() => Employee, { foreignKey: "reportsTo" })(Employee.prototype, "manager");
  hasMany(() => Employee, { foreignKey: "reportsTo" })(Employee.prototype, "reports");
  hasMany(() => Invoice)(Customer.prototype, "invoices");
  belongsTo(() => Customer)(Invoice.prototype, "customer");
  hasMany(() => InvoiceLine)(Invoice.prototype, "lines");
  return { Track, Playlist, Employee, Customer, Invoice };
}

function answersOf(db: Database, models: Awaited<ReturnType<typeof modelsOf>>): Answers {
  const { Track, Playlist, Employee, Customer, Invoice } = models;
  // Sums and counts come as texts.
  const numbers = async (query: PromiseLike<unknown[]>, ...columns: readonly string[]) =>
    ((await query) as Record<string, unknown>[]).map((row) =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [
          name,
          columns.includes(name) ? Number(value) : value,
        ]),
      ),
    );
  return {
    spending: () =>
      numbers(
        db
          .from("customer as c")
          .join("employee as e", "e.employee_id", "c.support_rep_id")
          .join("invoice as i", "i.customer_id", "c.customer_id")
          .groupBy("c.customer_id", "c.last_name", "e.last_name")
          .orderBy("c.customer_id")
          .select("c.customer_id", "c.last_name", "e.last_name as agent")
          .count("* as invoices")
          .sum("i.total as spent"),
        "invoices",
        "spent",
      ),
    bestsellers: () =>
      numbers(
        db
          .from("invoice_line as l")
          .join("track as t", "t.track_id", "l.track_id")
          .groupBy("t.track_id", "t.name")
          .orderBy("sold", "desc")
          .orderBy("t.track_id")
          .limit(10)
          .select("t.track_id", "t.name")
          .sum("l.quantity as sold"),
        "sold",
      ),
    prolific: () =>
      numbers(
        db
          .from("artist as ar")
          .join("album as al", "al.artist_id", "ar.artist_id")
          .join("track as t", "t.album_id", "al.album_id")
          .groupBy("ar.artist_id", "ar.name")
          .havingRaw("count(*) >= ?", [5])
          .orderBy("tracks", "desc")
          .orderBy("ar.artist_id")
          .select("ar.artist_id", "ar.name")
          .count("* as tracks"),
        "tracks",
      ),
    countries: () =>
      numbers(
        db
          .from("invoice")
          .groupBy("billing_country")
          .orderBy("revenue", "desc")
          .orderBy("billing_country")
          .select("billing_country")
          .count("* as invoices")
          .sum("total as revenue"),
        "invoices",
        "revenue",
      ),
    history: async () => {
      const customers = await Customer.query()
        .orderBy("id")
        .limit(5)
        .preload("invoices", (invoices) => {
          void invoices.orderBy("id").preload("lines", (lines) => void lines.orderBy("id"));
        });
      return customers.map((customer) => ({
        customer_id: customer.id,
        invoices: customer.invoices.map((invoice) => ({
          invoice_id: invoice.id,
          tracks: invoice.lines.map(({ trackId }) => trackId),
        })),
      }));
    },
    playlists: async () => {
      const playlists = await Playlist.query()
        .orderBy("id")
        .preload("tracks", (tracks) => void tracks.orderBy("track.track_id"));
      return playlists
        .map(({ id, name, tracks }) => ({
          playlist_id: id,
          name,
          tracks: tracks.map((track) => track.id),
        }))
        .filter(({ tracks }) => tracks.length > 0 && tracks.length < 50);
    },
    love: async () => {
      const tracks = await Track.query()
        .whereILike("name", "%love%")
        .orderBy("id")
        .preload("album", (album) => void album.preload("artist"));
      return tracks.map(({ id, name, album }) => ({
        track_id: id,
        name,
        album: album.title,
        artist: album.artist.name,
      }));
    },
    bigSpenders: () =>
      numbers(
        db
          .from("invoice")
          .groupBy("customer_id")
          .havingRaw(
            "sum(total) > (select avg(spent) from (select sum(total) as spent from invoice group by customer_id) each_one)",
          )
          .orderBy("customer_id")
          .select("customer_id")
          .sum("total as spent"),
        "spent",
      ),
    staff: async () => {
      const staff = await Employee.query()
        .orderBy("id")
        .preload("manager")
        .preload("reports", (reports) => void reports.orderBy("id"));
      return staff.map(({ id, lastName, manager, reports }) => ({
        employee_id: id,
        last_name: lastName,
        manager: manager?.lastName ?? null,
        reports: reports.map((report) => report.id),
      }));
    },
    thirdPage: async () => {
      const invoices = await Invoice.query()
        .orderBy("invoice_date", "desc")
        .orderBy("id", "desc")
        .limit(10)
        .offset(20)
        .preload("customer");
      return invoices.map(({ id, total, customer }) => ({
        invoice_id: id,
        total: Number(total),
        last_name: customer.lastName,
      }));
    },
  };
}

export const shopkeeper: Shopkeeper = {
  name: "Lucid",
  open: async ({ guard, url }) => {
    const { db } = await lucidDatabase({
      pg: { client: "pg", connection: url } as unknown as ConnectionConfig,
    });
    guardLucid(guard, db);
    return { answers: answersOf(db, await modelsOf(db)), close: () => db.manager.closeAll() };
  },
};
