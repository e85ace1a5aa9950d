import { defineEntity, MikroORM, p, raw, type EntityManager } from "@mikro-orm/postgresql";
import { guardMikroOrm } from "partywall/adapters/mikro-orm";
import type { Answers, Shopkeeper } from "../chinook/questions.js";

const id = (column: string) => p.integer().primary().fieldName(column);

const Artist = defineEntity({
  name: "Artist",
  tableName: "artist",
  properties: {
    id: id("artist_id"),
    name: p.string(),
    albums: () => p.oneToMany(Album).mappedBy("artist"),
  },
});
const Album = defineEntity({
  name: "Album",
  tableName: "album",
  properties: {
    id: id("album_id"),
    title: p.string(),
    artist: () => p.manyToOne(Artist).fieldName("artist_id"),
    tracks: () => p.oneToMany(Track).mappedBy("album"),
  },
});
const Track = defineEntity({
  name: "Track",
  tableName: "track",
  properties: {
    id: id("track_id"),
    name: p.string(),
    album: () => p.manyToOne(Album).fieldName("album_id"),
  },
});
const Playlist = defineEntity({
  name: "Playlist",
  tableName: "playlist",
  properties: {
    id: id("playlist_id"),
    name: p.string(),
    tracks: () =>
      p
        .manyToMany(Track)
        .pivotTable("playlist_track")
        .joinColumn("playlist_id")
        .inverseJoinColumn("track_id"),
  },
});
const Employee = defineEntity({
  name: "Employee",
  tableName: "employee",
  properties: {
    id: id("employee_id"),
    lastName: p.string(),
    manager: () => p.manyToOne(Employee).nullable().fieldName("reports_to"),
    reports: () => p.oneToMany(Employee).mappedBy("manager").orderBy({ id: "asc" }),
  },
});
const Customer = defineEntity({
  name: "Customer",
  tableName: "customer",
  properties: {
    id: id("customer_id"),
    lastName: p.string(),
    agent: () => p.manyToOne(Employee).fieldName("support_rep_id"),
    invoices: () => p.oneToMany(Invoice).mappedBy("customer").orderBy({ id: "asc" }),
  },
});
const Invoice = defineEntity({
  name: "Invoice",
  tableName: "invoice",
  properties: {
    id: id("invoice_id"),
    total: p.decimal("number"),
    date: p.datetime().fieldName("invoice_date"),
    billingCountry: p.string(),
    customer: () => p.manyToOne(Customer).fieldName("customer_id"),
    lines: () => p.oneToMany(InvoiceLine).mappedBy("invoice").orderBy({ id: "asc" }),
  },
});
const InvoiceLine = defineEntity({
  name: "InvoiceLine",
  tableName: "invoice_line",
  properties: {
    id: id("invoice_line_id"),
    quantity: p.integer(),
    invoice: () => p.manyToOne(Invoice).fieldName("invoice_id"),
    track: () => p.manyToOne(Track).fieldName("track_id"),
  },
});

const BY_ID = { orderBy: { id: "asc" } } as const;

function answersOf(em: EntityManager): Answers {
  // Aggregates are the query builder's, and come as texts.
  const rows = async (
    query: { execute(method: "all", mapResults: false): Promise<unknown> },
    ...numbers: readonly string[]
  ) =>
    ((await query.execute("all", false)) as Record<string, unknown>[]).map((row) =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [
          name,
          numbers.includes(name) ? Number(value) : value,
        ]),
      ),
    );
  const sql = (text: string) => raw(text) as never;
  return {
    spending: () =>
      rows(
        em
          .createQueryBuilder(Customer, "c")
          .select([
            "c.customer_id",
            "c.last_name",
            raw("e.last_name as agent"),
            raw("count(*) as invoices"),
            raw("sum(i.total) as spent"),
          ] as never)
          .join("c.agent", "e")
          .join("c.invoices", "i")
          .groupBy(["c.customer_id", "c.last_name", "e.last_name"] as never)
          .orderBy({ id: "asc" }),
        "invoices",
        "spent",
      ),
    bestsellers: () =>
      rows(
        em
          .createQueryBuilder(InvoiceLine, "l")
          .select(["t.track_id", "t.name", raw("sum(l.quantity) as sold")] as never)
          .join("l.track", "t")
          .groupBy(["t.track_id", "t.name"] as never)
          .orderBy([{ [sql("sold")]: "desc" }, { [sql("t.track_id")]: "asc" }])
          .limit(10),
        "sold",
      ),
    prolific: () =>
      rows(
        em
          .createQueryBuilder(Artist, "ar")
          .select(["ar.artist_id", "ar.name", raw("count(*) as tracks")] as never)
          .join("ar.albums", "al")
          .join("al.tracks", "t")
          .groupBy(["ar.artist_id", "ar.name"] as never)
          .having("count(*) >= 5")
          .orderBy([{ [sql("tracks")]: "desc" }, { id: "asc" }]),
        "tracks",
      ),
    countries: () =>
      rows(
        em
          .createQueryBuilder(Invoice, "i")
          .select([
            "i.billing_country",
            raw("count(*) as invoices"),
            raw("sum(i.total) as revenue"),
          ] as never)
          .groupBy(["i.billing_country"] as never)
          .orderBy([{ [sql("revenue")]: "desc" }, { billingCountry: "asc" }]),
        "invoices",
        "revenue",
      ),
    history: async () => {
      const customers = await em.find(
        Customer,
        {},
        { ...BY_ID, limit: 5, populate: ["invoices.lines"] },
      );
      return customers.map((customer) => ({
        customer_id: customer.id,
        invoices: customer.invoices.map((invoice) => ({
          invoice_id: invoice.id,
          tracks: invoice.lines.map(({ track }) => track.id),
        })),
      }));
    },
    playlists: async () => {
      const playlists = await em.find(Playlist, {}, { ...BY_ID, populate: ["tracks"] });
      return playlists
        .map(({ id: playlist_id, name, tracks }) => ({
          playlist_id,
          name,
          tracks: tracks.map((track) => track.id).toSorted((a, b) => a - b),
        }))
        .filter(({ tracks }) => tracks.length > 0 && tracks.length < 50);
    },
    love: async () => {
      const tracks = await em.find(
        Track,
        { name: { $ilike: "%love%" } },
        { ...BY_ID, populate: ["album.artist"] },
      );
      return tracks.map(({ id: track_id, name, album }) => ({
        track_id,
        name,
        album: album.title,
        artist: album.artist.name,
      }));
    },
    bigSpenders: () =>
      rows(
        em
          .createQueryBuilder(Invoice, "i")
          .select(["i.customer_id", raw("sum(i.total) as spent")] as never)
          .groupBy(["i.customer_id"] as never)
          .having(
            "sum(i.total) > (select avg(spent) from (select sum(total) as spent from invoice group by customer_id) each_one)",
          )
          .orderBy({ [sql("i.customer_id")]: "asc" }),
        "spent",
      ),
    staff: async () => {
      const staff = await em.find(Employee, {}, { ...BY_ID, populate: ["manager", "reports"] });
      return staff.map(({ id: employee_id, lastName, manager, reports }) => ({
        employee_id,
        last_name: lastName,
        manager: manager?.lastName ?? null,
        reports: reports.map((report) => report.id),
      }));
    },
    thirdPage: async () => {
      const invoices = await em.find(
        Invoice,
        {},
        {
          orderBy: [{ date: "desc" }, { id: "desc" }],
          limit: 10,
          offset: 20,
          populate: ["customer"],
        },
      );
      return invoices.map(({ id: invoice_id, total, customer }) => ({
        invoice_id,
        total,
        last_name: customer.lastName,
      }));
    },
  };
}

export const shopkeeper: Shopkeeper = {
  name: "MikroORM",
  open: async ({ guard }) => {
    const entities = [Artist, Album, Track, Playlist, Employee, Customer, Invoice, InvoiceLine];
    const orm = new MikroORM(guardMikroOrm(guard, { entities, dbName: "unused" }));
    // The one of the application, which follows each scope.
    return { answers: answersOf(orm.em), close: () => orm.close() };
  },
};
