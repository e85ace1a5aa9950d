import type { PipelineStage } from "mongoose";
import type { Answers, Question } from "../../chinook/questions.js";

type Aggregation = readonly [of: string, pipeline: PipelineStage[]];

/** The one document of another collection whose field of a name is equal. */
const one = (from: string, field: string, as: string, local = field): PipelineStage[] => [
  { $lookup: { from, localField: local, foreignField: field, as } },
  { $unwind: `$${as}` },
];

/** Sums of the same amounts differ behind the cents, by the order in which they were added. */
const toTheCent = (sum: string) => ({
  $divide: [{ $floor: { $add: [{ $multiply: [sum, 100] }, 0.5] } }, 100],
});

/** The questions as aggregations alone, whose joins are made by the server. */
const AGGREGATIONS: Record<Question, Aggregation> = {
  spending: [
    "Invoice",
    [
      { $group: { _id: "$CustomerId", invoices: { $sum: 1 }, spent: { $sum: "$Total" } } },
      ...one("Customer", "CustomerId", "customer", "_id"),
      ...one("Employee", "EmployeeId", "agent", "customer.SupportRepId"),
      { $sort: { _id: 1 } },
      {
        $project: {
          _id: 0,
          customer_id: "$_id",
          last_name: "$customer.LastName",
          agent: "$agent.LastName",
          invoices: 1,
          spent: 1,
        },
      },
    ],
  ],
  bestsellers: [
    "InvoiceLine",
    [
      { $group: { _id: "$TrackId", sold: { $sum: "$Quantity" } } },
      { $sort: { sold: -1, _id: 1 } },
      { $limit: 10 },
      ...one("Track", "TrackId", "track", "_id"),
      { $project: { _id: 0, track_id: "$_id", name: "$track.Name", sold: 1 } },
    ],
  ],
  prolific: [
    "Track",
    [
      { $group: { _id: "$AlbumId", tracks: { $sum: 1 } } },
      ...one("Album", "AlbumId", "album", "_id"),
      { $group: { _id: "$album.ArtistId", tracks: { $sum: "$tracks" } } },
      { $match: { tracks: { $gte: 5 } } },
      ...one("Artist", "ArtistId", "artist", "_id"),
      { $sort: { tracks: -1, _id: 1 } },
      { $project: { _id: 0, artist_id: "$_id", name: "$artist.Name", tracks: 1 } },
    ],
  ],
  countries: [
    "Invoice",
    [
      {
        $group: { _id: "$BillingCountry", invoices: { $sum: 1 }, revenue: { $sum: "$Total" } },
      },
      { $addFields: { revenue: toTheCent("$revenue") } },
      { $sort: { revenue: -1, _id: 1 } },
      { $project: { _id: 0, billing_country: "$_id", invoices: 1, revenue: 1 } },
    ],
  ],
  history: [
    "Customer",
    [
      { $sort: { CustomerId: 1 } },
      { $limit: 5 },
      ...one("Invoice", "CustomerId", "invoice"),
      ...one("InvoiceLine", "InvoiceId", "line", "invoice.InvoiceId"),
      { $sort: { "line.InvoiceLineId": 1 } },
      {
        $group: {
          _id: { customer: "$CustomerId", invoice: "$invoice.InvoiceId" },
          tracks: { $push: "$line.TrackId" },
        },
      },
      { $sort: { "_id.invoice": 1 } },
      {
        $group: {
          _id: "$_id.customer",
          invoices: { $push: { invoice_id: "$_id.invoice", tracks: "$tracks" } },
        },
      },
      { $sort: { _id: 1 } },
      { $project: { _id: 0, customer_id: "$_id", invoices: 1 } },
    ],
  ],
  playlists: [
    "PlaylistTrack",
    [
      { $sort: { TrackId: 1 } },
      { $group: { _id: "$PlaylistId", n: { $sum: 1 }, tracks: { $push: "$TrackId" } } },
      { $match: { n: { $lt: 50 } } },
      ...one("Playlist", "PlaylistId", "playlist", "_id"),
      { $sort: { _id: 1 } },
      { $project: { _id: 0, playlist_id: "$_id", name: "$playlist.Name", tracks: 1 } },
    ],
  ],
  love: [
    "Track",
    [
      { $match: { Name: /love/i } },
      ...one("Album", "AlbumId", "album"),
      ...one("Artist", "ArtistId", "artist", "album.ArtistId"),
      { $sort: { TrackId: 1 } },
      {
        $project: {
          _id: 0,
          track_id: "$TrackId",
          name: "$Name",
          album: "$album.Title",
          artist: "$artist.Name",
        },
      },
    ],
  ],
  bigSpenders: [
    "Invoice",
    [
      { $group: { _id: "$CustomerId", spent: { $sum: "$Total" } } },
      {
        $group: {
          _id: null,
          average: { $avg: "$spent" },
          each: { $push: { customer_id: "$_id", spent: "$spent" } },
        },
      },
      { $unwind: "$each" },
      { $match: { $expr: { $gt: ["$each.spent", "$average"] } } },
      { $sort: { "each.customer_id": 1 } },
      { $project: { _id: 0, customer_id: "$each.customer_id", spent: "$each.spent" } },
    ],
  ],
  staff: [
    "Employee",
    [
      {
        $lookup: {
          from: "Employee",
          localField: "ReportsTo",
          foreignField: "EmployeeId",
          as: "manager",
        },
      },
      {
        $lookup: {
          from: "Employee",
          let: { boss: "$EmployeeId" },
          pipeline: [
            { $match: { $expr: { $eq: ["$ReportsTo", "$$boss"] } } },
            { $sort: { EmployeeId: 1 } },
          ],
          as: "reports",
        },
      },
      { $sort: { EmployeeId: 1 } },
      {
        $project: {
          _id: 0,
          employee_id: "$EmployeeId",
          last_name: "$LastName",
          manager: { $ifNull: [{ $arrayElemAt: ["$manager.LastName", 0] }, null] },
          reports: "$reports.EmployeeId",
        },
      },
    ],
  ],
  thirdPage: [
    "Invoice",
    [
      { $sort: { InvoiceDate: -1, InvoiceId: -1 } },
      { $skip: 20 },
      { $limit: 10 },
      ...one("Customer", "CustomerId", "customer"),
      {
        $project: {
          _id: 0,
          invoice_id: "$InvoiceId",
          total: "$Total",
          last_name: "$customer.LastName",
        },
      },
    ],
  ],
};

/** Answers by one aggregation each, handed to what runs one on a collection. */
export function byLookup(
  run: (collection: string, pipeline: PipelineStage[]) => Promise<unknown[]>,
): Answers {
  return Object.fromEntries(
    Object.entries(AGGREGATIONS).map(([question, [of, pipeline]]) => [
      question,
      () => run(of, pipeline),
    ]),
  ) as unknown as Answers;
}
