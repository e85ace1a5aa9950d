import { guardTypeorm } from "partywall/adapters/typeorm";
import { DataSource, EntitySchema, ILike, type EntityManager } from "typeorm";
import type { Answers, Shopkeeper } from "../chinook/questions.js";

interface Artist {
  artist_id: number;
  name: string;
  albums: Album[];
}

interface Album {
  album_id: number;
  title: string;
  artist: Artist;
  tracks: Track[];
}

interface Track {
  track_id: number;
  name: string;
  album: Album;
}

interface Playlist {
  playlist_id: number;
  name: string;
  tracks: Track[];
}

interface Employee {
  employee_id: number;
  last_name: string;
  manager: Employee | null;
  reports: Employee[];
}

interface Customer {
  customer_id: number;
  last_name: string;
  agent: Employee;
  invoices: Invoice[];
}

interface Invoice {
  invoice_id: number;
  invoice_date: Date;
  billing_country: string;
  total: string;
  customer_id: number;
  customer: Customer;
  lines: InvoiceLine[];
}

interface InvoiceLine {
  invoice_line_id: number;
  quantity: number;
  track_id: number;
  invoice: Invoice;
  track: Track;
}

const id = { type: "int", primary: true } as const;
const text = { type: "varchar" } as const;
const belongsTo = (target: string, name: string, inverseSide?: string) =>
  ({
    type: "many-to-one",
    target,
    joinColumn: { name },
    ...(inverseSide && { inverseSide }),
  }) as const;
const hasMany = (target: string, inverseSide: string) =>
  ({ type: "one-to-many", target, inverseSide }) as const;

const Artist = new EntitySchema<Artist>({
  name: "artist",
  columns: { artist_id: id, name: text },
  relations: { albums: hasMany("album", "artist") },
});
const Album = new EntitySchema<Album>({
  name: "album",
  columns: { album_id: id, title: text },
  relations: {
    artist: belongsTo("artist", "artist_id", "albums"),
    tracks: hasMany("track", "album"),
  },
});
const Track = new EntitySchema<Track>({
  name: "track",
  columns: { track_id: id, name: text },
  relations: { album: belongsTo("album", "album_id", "tracks") },
});
const Playlist = new EntitySchema<Playlist>({
  name: "playlist",
  columns: { playlist_id: id, name: text },
  relations: {
    tracks: {
      type: "many-to-many",
      target: "track",
      joinTable: {
        name: "playlist_track",
        joinColumn: { name: "playlist_id" },
        inverseJoinColumn: { name: "track_id" },
      },
    },
  },
});
const Employee = new EntitySchema<Employee>({
  name: "employee",
  columns: { employee_id: id, last_name: text },
  relations: {
    manager: belongsTo("employee", "reports_to", "reports"),
    reports: hasMany("employee", "manager"),
  },
});
const Customer = new EntitySchema<Customer>({
  name: "customer",
  columns: { customer_id: id, last_name: text },
  relations: {
    agent: belongsTo("employee", "support_rep_id"),
    invoices: hasMany("invoice", "customer"),
  },
});
const Invoice = new EntitySchema<Invoice>({
  name: "invoice",
  columns: {
    invoice_id: id,
    invoice_date: { type: "timestamp" },
    billing_country: text,
    total: { type: "numeric" },
    customer_id: { type: "int" },
  },
  relations: {
    customer: belongsTo("customer", "customer_id", "invoices"),
    lines: hasMany("invoice_line", "invoice"),
  },
});
const InvoiceLine = new EntitySchema<InvoiceLine>({
  name: "invoice_line",
  columns: { invoice_line_id: id, quantity: { type: "int" }, track_id: { type: "int" } },
  relations: {
    invoice: belongsTo("invoice", "invoice_id", "lines"),
    track: belongsTo("track", "track_id"),
  },
});

const ENTITIES = [Artist, Album, Track, Playlist, Employee, Customer, Invoice, InvoiceLine];

/** Rows of a builder with these columns as numbers, which PostgreSQL gives as text. */
const numbers = async (rows: Promise<object[]>, ...columns: readonly string[]) =>
  (await rows).map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [
        name,
        columns.includes(name) ? Number(value) : (value as unknown),
      ]),
    ),
  );

function answersOf(manager: EntityManager): Answers {
  const from = (entity: EntitySchema, alias: string) => manager.createQueryBuilder(entity, alias);
  return {
    spending: () =>
      numbers(
        from(Customer, "c")
          .innerJoin("c.agent", "e")
          .innerJoin("c.invoices", "i")
          .select(["c.customer_id as customer_id", "c.last_name as last_name"])
          .addSelect("e.last_name", "agent")
          .addSelect("count(*)", "invoices")
          .addSelect("sum(i.total)", "spent")
          .groupBy("c.customer_id")
          .addGroupBy("c.last_name")
          .addGroupBy("e.last_name")
          .orderBy("c.customer_id")
          .getRawMany(),
        "invoices",
        "spent",
      ),
    bestsellers: () =>
      numbers(
        from(InvoiceLine, "l")
          .innerJoin("l.track", "t")
          .select(["t.track_id as track_id", "t.name as name"])
          .addSelect("sum(l.quantity)", "sold")
          .groupBy("t.track_id")
          .addGroupBy("t.name")
          .orderBy("sold", "DESC")
          .addOrderBy("t.track_id")
          .limit(10)
          .getRawMany(),
        "sold",
      ),
    prolific: () =>
      numbers(
        from(Artist, "ar")
          .innerJoin("ar.albums", "al")
          .innerJoin("al.tracks", "t")
          .select(["ar.artist_id as artist_id", "ar.name as name"])
          .addSelect("count(*)", "tracks")
          .groupBy("ar.artist_id")
          .addGroupBy("ar.name")
          .having("count(*) >= :least", { least: 5 })
          .orderBy("tracks", "DESC")
          .addOrderBy("ar.artist_id")
          .getRawMany(),
        "tracks",
      ),
    countries: () =>
      numbers(
        from(Invoice, "i")
          .select("i.billing_country", "billing_country")
          .addSelect("count(*)", "invoices")
          .addSelect("sum(i.total)", "revenue")
          .groupBy("i.billing_country")
          .orderBy("revenue", "DESC")
          .addOrderBy("i.billing_country")
          .getRawMany(),
        "invoices",
        "revenue",
      ),
    // Ordered by the caller: an order by a relation's column makes TypeORM's `take` count rows of the join.
    history: async () => {
      const customers = await manager.find(Customer, {
        relations: { invoices: { lines: true } },
        order: { customer_id: "ASC" },
        take: 5,
      });
      return customers.map(({ customer_id, invoices }) => ({
        customer_id,
        invoices: invoices
          .toSorted((a, b) => a.invoice_id - b.invoice_id)
          .map(({ invoice_id, lines }) => ({
            invoice_id,
            tracks: lines
              .toSorted((a, b) => a.invoice_line_id - b.invoice_line_id)
              .map(({ track_id }) => track_id),
          })),
      }));
    },
    playlists: async () => {
      const playlists = await manager.find(Playlist, {
        relations: { tracks: true },
        order: { playlist_id: "ASC", tracks: { track_id: "ASC" } },
      });
      return playlists
        .filter(({ tracks }) => tracks.length > 0 && tracks.length < 50)
        .map(({ tracks, ...playlist }) => ({
          ...playlist,
          tracks: tracks.map(({ track_id }) => track_id),
        }));
    },
    love: async () => {
      const tracks = await manager.find(Track, {
        where: { name: ILike("%love%") },
        relations: { album: { artist: true } },
        order: { track_id: "ASC" },
      });
      return tracks.map(({ track_id, name, album }) => ({
        track_id,
        name,
        album: album.title,
        artist: album.artist.name,
      }));
    },
    bigSpenders: () => {
      const each = from(Invoice, "j").select("sum(j.total)", "spent").groupBy("j.customer_id");
      return numbers(
        from(Invoice, "i")
          .select("i.customer_id", "customer_id")
          .addSelect("sum(i.total)", "spent")
          .groupBy("i.customer_id")
          .having(`sum(i.total) > (select avg(spent) from (${each.getQuery()}) each_one)`)
          .orderBy("i.customer_id")
          .getRawMany(),
        "spent",
      );
    },
    staff: async () => {
      const staff = await manager.find(Employee, {
        relations: { manager: true, reports: true },
        order: { employee_id: "ASC", reports: { employee_id: "ASC" } },
        relationLoadStrategy: "query",
      });
      return staff.map(({ employee_id, last_name, manager: above, reports }) => ({
        employee_id,
        last_name,
        manager: above?.last_name ?? null,
        reports: reports.map((one) => one.employee_id).toSorted((a, b) => a - b),
      }));
    },
    thirdPage: async () => {
      const invoices = await manager.find(Invoice, {
        relations: { customer: true },
        order: { invoice_date: "DESC", invoice_id: "DESC" },
        take: 10,
        skip: 20,
      });
      return invoices.map(({ invoice_id, total, customer }) => ({
        invoice_id,
        total: Number(total),
        last_name: customer.last_name,
      }));
    },
  };
}

export const shopkeeper: Shopkeeper = {
  name: "TypeORM",
  open: async ({ guard, url, max }) => {
    const source = guardTypeorm(
      guard,
      new DataSource({
        type: "postgres",
        driver: guard.driver,
        url,
        poolSize: max,
        entities: ENTITIES,
      }),
    );
    await source.initialize();
    return { answers: answersOf(source.manager), close: () => source.destroy() };
  },
};
