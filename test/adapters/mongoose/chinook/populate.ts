import type { Answers } from "../../chinook/questions.js";
import type { Doc, Models } from "./models.js";

const asc = (field: string) => ({ sort: { [field]: 1 as const } });
const sum = (numbers: readonly number[]) => numbers.reduce((all, one) => all + one, 0);

/** Answers by `find` with `populate`, and by `aggregate` with `$group` alone. */
export const byPopulate = (models: Models): Answers => {
  const { Album, Customer, Employee, Invoice, InvoiceLine, Playlist, PlaylistTrack, Track } =
    models;
  const spentByCustomer = () =>
    Invoice.aggregate<{ _id: number; spent: number }>([
      { $group: { _id: "$CustomerId", spent: { $sum: "$Total" } } },
      { $sort: { _id: 1 } },
    ]);
  return {
    spending: async () =>
      (
        await Customer.find()
          .sort({ CustomerId: 1 })
          .populate("agent", "EmployeeId LastName")
          .populate("invoices")
          .lean()
      )
        .filter(({ invoices }) => invoices.length > 0)
        .map(({ CustomerId, LastName, agent, invoices }) => ({
          customer_id: CustomerId,
          last_name: LastName,
          agent: agent.LastName,
          invoices: invoices.length,
          spent: sum(invoices.map(({ Total }: { Total: number }) => Total)),
        })),
    bestsellers: async () => {
      const best = await InvoiceLine.aggregate<{ _id: number; sold: number }>()
        .group({ _id: "$TrackId", sold: { $sum: "$Quantity" } })
        .sort({ sold: -1, _id: 1 })
        .limit(10);
      const found = await PlaylistTrack.populate(
        best.map(({ _id }) => new PlaylistTrack({ TrackId: _id })),
        { path: "track", select: "TrackId Name" },
      );
      return best.map(({ _id, sold }, at) => ({
        track_id: _id,
        name: found[at]?.["track"].Name,
        sold,
      }));
    },
    prolific: async () => {
      const counted = await Track.aggregate<{ _id: number; tracks: number }>().group({
        _id: "$AlbumId",
        tracks: { $sum: 1 },
      });
      const tracksOf = new Map(counted.map(({ _id, tracks }) => [_id, tracks]));
      const artists = new Map<number, { artist_id: number; name: string; tracks: number }>();
      for (const { AlbumId, ArtistId, artist } of await Album.find().populate("artist").lean()) {
        const tracks = (artists.get(ArtistId)?.tracks ?? 0) + (tracksOf.get(AlbumId) ?? 0);
        artists.set(ArtistId, { artist_id: ArtistId, name: artist.Name, tracks });
      }
      return [...artists.values()]
        .filter(({ tracks }) => tracks >= 5)
        .toSorted((a, b) => b.tracks - a.tracks || a.artist_id - b.artist_id);
    },
    countries: async () => {
      // One sum at a time: with two, FerretDB finds that the second is nothing.
      const byCountry = (amount: 1 | "$Total") =>
        Invoice.aggregate<{ _id: string; sum: number }>([
          { $group: { _id: "$BillingCountry", sum: { $sum: amount } } },
        ]);
      const invoices = await byCountry(1);
      const revenues = await byCountry("$Total");
      const invoicesOf = new Map(invoices.map((one) => [one._id, one.sum]));
      // Sums of the same amounts differ behind the cents, by the order in which they were added.
      return revenues
        .map((one) => ({ country: one._id, revenue: Math.round(one.sum * 100) / 100 }))
        .toSorted((a, b) => b.revenue - a.revenue || (a.country < b.country ? -1 : 1))
        .map(({ country, revenue }) => ({
          billing_country: country,
          invoices: invoicesOf.get(country),
          revenue,
        }));
    },
    history: async () =>
      (
        await Customer.find()
          .sort({ CustomerId: 1 })
          .limit(5)
          .populate({
            path: "invoices",
            match: { Total: { $gt: 0 } },
            options: asc("InvoiceId"),
            populate: { path: "lines", options: asc("InvoiceLineId") },
          })
      ).map((customer) => ({
        customer_id: customer["CustomerId"],
        invoices: customer["invoices"].map(({ InvoiceId, lines }: Doc) => ({
          invoice_id: InvoiceId,
          tracks: lines.map(({ TrackId }: Doc) => TrackId),
        })),
      })),
    playlists: async () => {
      const short = await PlaylistTrack.aggregate<{ _id: number }>([
        { $group: { _id: "$PlaylistId", n: { $sum: 1 } } },
        { $match: { n: { $lt: 50 } } },
      ]);
      const found = await Playlist.find({ PlaylistId: { $in: short.map(({ _id }) => _id) } })
        .sort({ PlaylistId: 1 })
        .populate({
          path: "entries",
          options: asc("TrackId"),
          populate: { path: "track", select: "TrackId" },
        })
        .lean();
      return found.map(({ PlaylistId, Name, entries }) => ({
        playlist_id: PlaylistId,
        name: Name,
        tracks: entries.map(({ track }: { track: { TrackId: number } }) => track.TrackId),
      }));
    },
    love: async () =>
      (
        await Track.find({ Name: /love/i })
          .sort({ TrackId: 1 })
          .populate({ path: "album", populate: { path: "artist" } })
      ).map((track) => ({
        track_id: track["TrackId"],
        name: track["Name"],
        album: track["album"].Title,
        artist: track["album"].artist.Name,
      })),
    bigSpenders: async () => {
      const all = await spentByCustomer();
      const average = sum(all.map(({ spent }) => spent)) / all.length;
      return all
        .filter(({ spent }) => spent > average)
        .map(({ _id, spent }) => ({ customer_id: _id, spent }));
    },
    staff: async () =>
      (
        await Employee.find()
          .sort({ EmployeeId: 1 })
          .populate("manager", "EmployeeId LastName")
          .populate({ path: "reports", options: asc("EmployeeId") })
      ).map((employee) => ({
        employee_id: employee["EmployeeId"],
        last_name: employee["LastName"],
        manager: employee["manager"]?.LastName ?? null,
        reports: employee["reports"].map((one: Record<string, number>) => one["EmployeeId"]),
      })),
    thirdPage: async () =>
      (
        await Invoice.find()
          .sort({ InvoiceDate: -1, InvoiceId: -1 })
          .skip(20)
          .limit(10)
          .populate({ path: "customer", select: "CustomerId LastName" })
          .lean()
      ).map(({ InvoiceId, Total, customer }) => ({
        invoice_id: InvoiceId,
        total: Total,
        last_name: customer.LastName,
      })),
  };
};
