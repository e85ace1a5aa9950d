import knex, { type Knex } from "knex";
import { Model, raw, type QueryBuilder } from "objection";
import { guardKnex } from "partywall/adapters/knex";
import type { Answers, Shopkeeper } from "../chinook/questions.js";

const inOrderOf = (column: string) => (query: QueryBuilder<Model>) => void query.orderBy(column);

class Artist extends Model {
  static override readonly tableName = "artist";
  static override readonly idColumn = "artist_id";
  declare artist_id: number;
  declare name: string;
}

class Album extends Model {
  static override readonly tableName = "album";
  static override readonly idColumn = "album_id";
  declare title: string;
  declare artist?: Artist;

  static override get relationMappings() {
    return {
      artist: {
        relation: Model.BelongsToOneRelation,
        modelClass: Artist,
        join: { from: "album.artist_id", to: "artist.artist_id" },
      },
      tracks: {
        relation: Model.HasManyRelation,
        modelClass: Track,
        join: { from: "album.album_id", to: "track.album_id" },
      },
    };
  }
}

class Track extends Model {
  static override readonly tableName = "track";
  static override readonly idColumn = "track_id";
  declare track_id: number;
  declare name: string;
  declare album?: Album;

  static override get relationMappings() {
    return {
      album: {
        relation: Model.BelongsToOneRelation,
        modelClass: Album,
        join: { from: "track.album_id", to: "album.album_id" },
      },
    };
  }
}

class Playlist extends Model {
  static override readonly tableName = "playlist";
  static override readonly idColumn = "playlist_id";
  declare playlist_id: number;
  declare name: string;
  declare tracks?: Track[];

  static override get relationMappings() {
    return {
      tracks: {
        relation: Model.ManyToManyRelation,
        modelClass: Track,
        join: {
          from: "playlist.playlist_id",
          through: { from: "playlist_track.playlist_id", to: "playlist_track.track_id" },
          to: "track.track_id",
        },
      },
    };
  }
}

class InvoiceLine extends Model {
  static override readonly tableName = "invoice_line";
  static override readonly idColumn = "invoice_line_id";
  declare track_id: number;

  static override get relationMappings() {
    return {
      track: {
        relation: Model.BelongsToOneRelation,
        modelClass: Track,
        join: { from: "invoice_line.track_id", to: "track.track_id" },
      },
    };
  }
}

class Invoice extends Model {
  static override readonly tableName = "invoice";
  static override readonly idColumn = "invoice_id";
  declare invoice_id: number;
  declare total: string;
  declare lines?: InvoiceLine[];
  declare customer?: Customer;

  static override get relationMappings() {
    return {
      customer: {
        relation: Model.BelongsToOneRelation,
        modelClass: Customer,
        join: { from: "invoice.customer_id", to: "customer.customer_id" },
      },
      lines: {
        relation: Model.HasManyRelation,
        modelClass: InvoiceLine,
        modify: inOrderOf("invoice_line_id"),
        join: { from: "invoice.invoice_id", to: "invoice_line.invoice_id" },
      },
    };
  }
}

class Employee extends Model {
  static override readonly tableName = "employee";
  static override readonly idColumn = "employee_id";
  declare employee_id: number;
  declare last_name: string;
  declare manager?: Employee | null;
  declare reports?: Employee[];

  static override get relationMappings() {
    return {
      manager: {
        relation: Model.BelongsToOneRelation,
        modelClass: Employee,
        join: { from: "employee.reports_to", to: "employee.employee_id" },
      },
      reports: {
        relation: Model.HasManyRelation,
        modelClass: Employee,
        modify: inOrderOf("employee_id"),
        join: { from: "employee.employee_id", to: "employee.reports_to" },
      },
    };
  }
}

class Customer extends Model {
  static override readonly tableName = "customer";
  static override readonly idColumn = "customer_id";
  declare customer_id: number;
  declare last_name: string;
  declare invoices?: Invoice[];

  static override get relationMappings() {
    return {
      agent: {
        relation: Model.BelongsToOneRelation,
        modelClass: Employee,
        join: { from: "customer.support_rep_id", to: "employee.employee_id" },
      },
      invoices: {
        relation: Model.HasManyRelation,
        modelClass: Invoice,
        modify: inOrderOf("invoice.invoice_id"),
        join: { from: "customer.customer_id", to: "invoice.customer_id" },
      },
    };
  }
}

const count = (name: string) => raw("count(*)::int").as(name);
const total = (column: string, name: string) => raw("sum(??)::float8", column).as(name);

function answersOf(db: Knex): Answers {
  return {
    spending: async () =>
      Customer.query(db)
        .joinRelated("[agent, invoices]")
        .groupBy("customer.customer_id", "customer.last_name", "agent.last_name")
        .orderBy("customer.customer_id")
        .select("customer.customer_id", "customer.last_name", "agent.last_name as agent")
        .select(count("invoices"), total("invoices.total", "spent")),
    bestsellers: async () =>
      InvoiceLine.query(db)
        .joinRelated("track")
        .groupBy("track.track_id", "track.name")
        .orderBy("sold", "desc")
        .orderBy("track.track_id")
        .limit(10)
        .select("track.track_id", "track.name", raw("sum(quantity)::int").as("sold")),
    prolific: async () =>
      Album.query(db)
        .joinRelated("[artist, tracks]")
        .groupBy("artist.artist_id", "artist.name")
        .having(raw("count(*)"), ">=", 5)
        .orderBy("tracks", "desc")
        .orderBy("artist.artist_id")
        .select("artist.artist_id", "artist.name", count("tracks")),
    countries: async () =>
      Invoice.query(db)
        .groupBy("billing_country")
        .orderBy("revenue", "desc")
        .orderBy("billing_country")
        .select("billing_country", count("invoices"), total("total", "revenue")),
    history: async () => {
      const customers = await Customer.query(db)
        .orderBy("customer_id")
        .limit(5)
        .withGraphFetched("invoices.lines");
      return customers.map(({ customer_id, invoices = [] }) => ({
        customer_id,
        invoices: invoices.map(({ invoice_id, lines = [] }) => ({
          invoice_id,
          tracks: lines.map(({ track_id }) => track_id),
        })),
      }));
    },
    playlists: async () => {
      const playlists = await Playlist.query(db)
        .orderBy("playlist_id")
        .whereExists(Playlist.relatedQuery("tracks"))
        .withGraphFetched("tracks")
        .modifyGraph("tracks", inOrderOf("track.track_id"));
      return playlists
        .filter(({ tracks = [] }) => tracks.length < 50)
        .map(({ playlist_id, name, tracks = [] }) => ({
          playlist_id,
          name,
          tracks: tracks.map(({ track_id }) => track_id),
        }));
    },
    love: async () => {
      const tracks = await Track.query(db)
        .whereILike("track.name", "%love%")
        .withGraphJoined("album.artist")
        .orderBy("track.track_id");
      return tracks.map(({ track_id, name, album }) => ({
        track_id,
        name,
        album: album?.title,
        artist: album?.artist?.name,
      }));
    },
    bigSpenders: async () =>
      Invoice.query(db)
        .groupBy("customer_id")
        .having(
          raw("sum(total)"),
          ">",
          Model.query(db)
            .avg("spent")
            .from(Invoice.query(db).sum("total as spent").groupBy("customer_id").as("each_one")),
        )
        .orderBy("customer_id")
        .select("customer_id", total("total", "spent")),
    staff: async () => {
      const staff = await Employee.query(db)
        .orderBy("employee_id")
        .withGraphFetched("[manager, reports]");
      return staff.map(({ employee_id, last_name, manager, reports = [] }) => ({
        employee_id,
        last_name,
        manager: manager?.last_name ?? null,
        reports: reports.map((one) => one.employee_id),
      }));
    },
    thirdPage: async () => {
      const { results } = await Invoice.query(db)
        .withGraphFetched("customer")
        .orderBy("invoice_date", "desc")
        .orderBy("invoice_id", "desc")
        .page(2, 10);
      return results.map((invoice) => ({
        invoice_id: invoice.invoice_id,
        total: Number(invoice.total),
        last_name: invoice.customer?.last_name,
      }));
    },
  };
}

export const shopkeeper: Shopkeeper = {
  name: "Objection",
  open: async ({ guard }) => {
    const db = guardKnex(guard, knex({ client: "pg" }));
    await guard.assertWired((text) => db.raw(text));
    return { answers: answersOf(db), close: () => db.destroy() };
  },
};
