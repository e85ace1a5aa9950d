import { readFileSync } from "node:fs";
import { dataPath } from "../../../support/data.js";

/** A document of Chinook's. */
export interface Row {
  [field: string]: string | number | null | Date;
}

/** Chinook's collections, by name. */
export type Rows = Record<(typeof COLLECTIONS)[number], Row[]>;

/** Chinook's eleven collections, as the published file names them. */
export const COLLECTIONS = [
  "Artist",
  "Album",
  "Genre",
  "MediaType",
  "Track",
  "Playlist",
  "PlaylistTrack",
  "Employee",
  "Customer",
  "Invoice",
  "InvoiceLine",
] as const;

const DATES = ["BirthDate", "HireDate", "InvoiceDate"];

/** The real data, read anew, its dates as dates of UTC. */
export function chinookRows(): Rows {
  const rows = JSON.parse(readFileSync(dataPath("chinookJson"), "utf8")) as Rows;
  for (const row of Object.values(rows).flat()) {
    for (const field of DATES) {
      if (typeof row[field] === "string") row[field] = new Date(`${row[field]}Z`);
    }
  }
  return rows;
}

/** What `test/guards/postgres/chinook.ts` does in SQL to the rows of the shop of a number, counted from 1. */
export function varied(rows: Rows, variation: number, shop: number): Rows {
  if (variation > 1) named(rows, shop);
  VARIATIONS[variation - 1]?.(rows);
  return rows;
}

const has = (known: readonly Row[], field: string) => {
  const values = new Set(known.map((row) => row[field]));
  return (row: Row) => values.has(row[field]);
};

function named(rows: Rows, shop: number): void {
  for (const name of ["Artist", "Genre", "Track", "Playlist"] as const)
    for (const row of rows[name]) row["Name"] = `${String(row["Name"])} ${shop}`;
  for (const name of ["Employee", "Customer"] as const)
    for (const row of rows[name]) row["LastName"] = `${String(row["LastName"])} ${shop}`;
  for (const row of rows.Invoice) row["Total"] = Number(row["Total"]) + shop;
  for (const row of rows.InvoiceLine) row["UnitPrice"] = Number(row["UnitPrice"]) + shop;
}

const VARIATIONS: readonly ((rows: Rows) => void)[] = [
  () => undefined,
  ({ Track }) => {
    for (const row of Track) row["UnitPrice"] = Number(row["UnitPrice"]) * 3;
  },
  (rows) => {
    rows.Customer = rows.Customer.filter((row) => Number(row["CustomerId"]) % 2 === 1);
    rows.Invoice = rows.Invoice.filter(has(rows.Customer, "CustomerId"));
    rows.InvoiceLine = rows.InvoiceLine.filter(has(rows.Invoice, "InvoiceId"));
  },
  ({ Invoice, Employee, Customer }) => {
    for (const row of Invoice) row["InvoiceDate"] = sevenMonthsBefore(row["InvoiceDate"] as Date);
    for (const row of Employee) if (row["EmployeeId"] !== 1) row["ReportsTo"] = 1;
    for (const row of Customer) row["SupportRepId"] = 8 - (Number(row["SupportRepId"]) % 3);
  },
  (rows) => {
    const kept = (row: Row) => Number(row["TrackId"]) <= 500;
    for (const name of ["Track", "PlaylistTrack", "InvoiceLine"] as const)
      rows[name] = rows[name].filter(kept);
    rows.Album = rows.Album.filter(has(rows.Track, "AlbumId"));
    rows.Artist = rows.Artist.filter(has(rows.Album, "ArtistId"));
    rows.Invoice = rows.Invoice.filter(has(rows.InvoiceLine, "InvoiceId"));
  },
];

// As SQL has it: the last day of a month that is too short for the day.
function sevenMonthsBefore(date: Date): Date {
  const moved = new Date(date);
  moved.setUTCMonth(moved.getUTCMonth() - 7);
  if (moved.getUTCDate() !== date.getUTCDate()) moved.setUTCDate(0);
  return moved;
}
