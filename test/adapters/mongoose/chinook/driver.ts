import type { Answers } from "../../chinook/questions.js";
import type { Doc } from "./models.js";
import type { COLLECTIONS } from "./data.js";

/** Reads the documents of a collection through the driver, in the order of a field. */
export type Read = (
  collection: (typeof COLLECTIONS)[number],
  filter: object,
  sort: string,
) => Promise<Doc[]>;

const grouped = <Key = number>(rows: readonly Doc[], field: string): Map<Key, Doc[]> => {
  const groups = new Map<Key, Doc[]>();
  for (const row of rows) {
    const group = groups.get(row[field]) ?? [];
    groups.set(row[field], group);
    group.push(row);
  }
  return groups;
};
const keyed = (rows: readonly Doc[], field: string) =>
  new Map(rows.map((row) => [row[field], row]));
const sum = (rows: readonly Doc[], field: string) =>
  rows.reduce((all, row) => all + Number(row[field]), 0);

/** Answers by the driver's `find` alone, what is found joined by hand. */
export const byFind = (read: Read): Answers => {
  const spent = async () => {
    const invoices = grouped(await read("Invoice", {}, "InvoiceId"), "CustomerId");
    return [...invoices]
      .map(([customer_id, rows]) => ({ customer_id, spent: sum(rows, "Total"), n: rows.length }))
      .toSorted((a, b) => a.customer_id - b.customer_id);
  };
  return {
    spending: async () => {
      const customers = keyed(await read("Customer", {}, "CustomerId"), "CustomerId");
      const agents = keyed(await read("Employee", {}, "EmployeeId"), "EmployeeId");
      return (await spent()).map(({ customer_id, n, ...rest }) => {
        const { LastName, SupportRepId } = customers.get(customer_id)!;
        const agent = agents.get(SupportRepId)?.["LastName"];
        return { customer_id, last_name: LastName, agent, invoices: n, ...rest };
      });
    },
    bestsellers: async () => {
      const lines = grouped(await read("InvoiceLine", {}, "InvoiceLineId"), "TrackId");
      const best = [...lines]
        .map(([track_id, rows]) => ({ track_id, sold: sum(rows, "Quantity") }))
        .toSorted((a, b) => b.sold - a.sold || a.track_id - b.track_id)
        .slice(0, 10);
      const wanted = { TrackId: { $in: best.map(({ track_id }) => track_id) } };
      const tracks = keyed(await read("Track", wanted, "TrackId"), "TrackId");
      return best.map(({ track_id, sold }) => ({
        track_id,
        name: tracks.get(track_id)?.["Name"],
        sold,
      }));
    },
    prolific: async () => {
      const tracks = grouped(await read("Track", {}, "TrackId"), "AlbumId");
      const albums = grouped(await read("Album", {}, "AlbumId"), "ArtistId");
      return (await read("Artist", {}, "ArtistId"))
        .map(({ ArtistId, Name }) => ({
          artist_id: ArtistId,
          name: Name,
          tracks: (albums.get(ArtistId) ?? []).flatMap(({ AlbumId }) => tracks.get(AlbumId) ?? [])
            .length,
        }))
        .filter((artist) => artist.tracks >= 5)
        .toSorted((a, b) => b.tracks - a.tracks || a.artist_id - b.artist_id);
    },
    countries: async () => {
      const invoices = await read("Invoice", {}, "InvoiceId");
      const countries = grouped<string>(invoices, "BillingCountry");
      return [...countries]
        .map(([billing_country, rows]) => ({
          billing_country,
          invoices: rows.length,
          revenue: Math.round(sum(rows, "Total") * 100) / 100,
        }))
        .toSorted(
          (a, b) => b.revenue - a.revenue || (a.billing_country < b.billing_country ? -1 : 1),
        );
    },
    history: async () => {
      const customers = (await read("Customer", {}, "CustomerId")).slice(0, 5);
      const wanted = { CustomerId: { $in: customers.map(({ CustomerId }) => CustomerId) } };
      const invoices = await read("Invoice", wanted, "InvoiceId");
      const of = { InvoiceId: { $in: invoices.map(({ InvoiceId }) => InvoiceId) } };
      const lines = grouped(await read("InvoiceLine", of, "InvoiceLineId"), "InvoiceId");
      return customers.map(({ CustomerId }) => ({
        customer_id: CustomerId,
        invoices: invoices
          .filter((invoice) => invoice["CustomerId"] === CustomerId)
          .map(({ InvoiceId }) => ({
            invoice_id: InvoiceId,
            tracks: lines.get(InvoiceId)?.map(({ TrackId }) => TrackId),
          })),
      }));
    },
    playlists: async () => {
      const entries = grouped(await read("PlaylistTrack", {}, "TrackId"), "PlaylistId");
      return (await read("Playlist", {}, "PlaylistId"))
        .map(({ PlaylistId, Name }) => ({
          playlist_id: PlaylistId,
          name: Name,
          tracks: (entries.get(PlaylistId) ?? []).map(({ TrackId }) => TrackId),
        }))
        .filter(({ tracks }) => tracks.length > 0 && tracks.length < 50);
    },
    love: async () => {
      const tracks = await read("Track", { Name: /love/i }, "TrackId");
      const albums = keyed(await read("Album", {}, "AlbumId"), "AlbumId");
      const artists = keyed(await read("Artist", {}, "ArtistId"), "ArtistId");
      return tracks.map(({ TrackId, Name, AlbumId }) => {
        const album = albums.get(AlbumId);
        const artist = artists.get(album?.["ArtistId"]);
        return {
          track_id: TrackId,
          name: Name,
          album: album?.["Title"],
          artist: artist?.["Name"],
        };
      });
    },
    bigSpenders: async () => {
      const all = await spent();
      const average = sum(all, "spent") / all.length;
      return all
        .filter((one) => one.spent > average)
        .map((one) => ({ customer_id: one.customer_id, spent: one.spent }));
    },
    staff: async () => {
      const staff = await read("Employee", {}, "EmployeeId");
      const byId = keyed(staff, "EmployeeId");
      const reports = grouped(staff, "ReportsTo");
      return staff.map(({ EmployeeId, LastName, ReportsTo }) => ({
        employee_id: EmployeeId,
        last_name: LastName,
        manager: byId.get(ReportsTo)?.["LastName"] ?? null,
        reports: (reports.get(EmployeeId) ?? []).map((one) => one["EmployeeId"]),
      }));
    },
    thirdPage: async () => {
      const customers = keyed(await read("Customer", {}, "CustomerId"), "CustomerId");
      return (await read("Invoice", {}, "InvoiceId"))
        .toSorted((a, b) => b["InvoiceDate"] - a["InvoiceDate"] || b["InvoiceId"] - a["InvoiceId"])
        .slice(20, 30)
        .map(({ InvoiceId, Total, CustomerId }) => ({
          invoice_id: InvoiceId,
          total: Total,
          last_name: customers.get(CustomerId)?.["LastName"],
        }));
    },
  };
};
