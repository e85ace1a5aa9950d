import { PrismaPg } from "@prisma/adapter-pg";
import { guardPrisma } from "partywall/adapters/prisma";
import { prismaClient } from "../../support/prisma-client.js";
import type { Answers, Shopkeeper } from "../chinook/questions.js";

const MODELS = `
model artist {
  artist_id Int     @id
  name      String?
  albums    album[]
}

model album {
  album_id  Int     @id
  title     String
  artist_id Int
  artist    artist  @relation(fields: [artist_id], references: [artist_id])
  tracks    track[]
}

model track {
  track_id  Int              @id
  name      String
  album_id  Int?
  album     album?           @relation(fields: [album_id], references: [album_id])
  lines     invoice_line[]
  playlists playlist_track[]
}

model playlist {
  playlist_id Int              @id
  name        String?
  tracks      playlist_track[]
}

model playlist_track {
  playlist_id Int
  track_id    Int
  playlist    playlist @relation(fields: [playlist_id], references: [playlist_id])
  track       track    @relation(fields: [track_id], references: [track_id])

  @@id([playlist_id, track_id])
}

model employee {
  employee_id Int        @id
  last_name   String
  reports_to  Int?
  manager     employee?  @relation("staff", fields: [reports_to], references: [employee_id])
  reports     employee[] @relation("staff")
  customers   customer[]
}

model customer {
  customer_id    Int       @id
  last_name      String
  support_rep_id Int?
  agent          employee? @relation(fields: [support_rep_id], references: [employee_id])
  invoices       invoice[]
}

model invoice {
  invoice_id      Int            @id
  customer_id     Int
  invoice_date    DateTime
  billing_country String?
  total           Decimal
  customer        customer       @relation(fields: [customer_id], references: [customer_id])
  lines           invoice_line[]
}

model invoice_line {
  invoice_line_id Int     @id
  invoice_id      Int
  track_id        Int
  quantity        Int
  invoice         invoice @relation(fields: [invoice_id], references: [invoice_id])
  track           track   @relation(fields: [track_id], references: [track_id])
}
`;

async function connect(pool: unknown) {
  const { PrismaClient } = await prismaClient(MODELS);
  return new PrismaClient({ adapter: new PrismaPg(pool as never) });
}

type Db = Awaited<ReturnType<typeof connect>>;

const spentBy = (db: Db, options: object = {}) =>
  db.invoice.groupBy({
    by: ["customer_id"],
    _count: true,
    _sum: { total: true },
    orderBy: { customer_id: "asc" },
    ...options,
  });

const answersOf = (db: Db): Answers => ({
  spending: async () => {
    const spent = await spentBy(db);
    const customers = await db.customer.findMany({
      where: { agent: { isNot: null }, invoices: { some: {} } },
      include: { agent: true },
      orderBy: { customer_id: "asc" },
    });
    return customers.map(({ customer_id, last_name, agent }: Db) => {
      const { _count, _sum } = spent.find((one: Db) => one.customer_id === customer_id);
      return {
        customer_id,
        last_name,
        agent: agent.last_name,
        invoices: _count,
        spent: Number(_sum.total),
      };
    });
  },
  bestsellers: async () => {
    const sold = await db.invoice_line.groupBy({
      by: ["track_id"],
      _sum: { quantity: true },
      orderBy: [{ _sum: { quantity: "desc" } }, { track_id: "asc" }],
      take: 10,
    });
    const tracks = await db.track.findMany({
      where: { track_id: { in: sold.map((one: Db) => one.track_id) } },
    });
    return sold.map(({ track_id, _sum }: Db) => ({
      track_id,
      name: tracks.find((track: Db) => track.track_id === track_id).name,
      sold: _sum.quantity,
    }));
  },
  prolific: async () => {
    const artists = await db.artist.findMany({
      include: { albums: { include: { _count: { select: { tracks: true } } } } },
      orderBy: { artist_id: "asc" },
    });
    return artists
      .map(({ artist_id, name, albums }: Db) => ({
        artist_id,
        name,
        tracks: albums.reduce((sum: number, { _count }: Db) => sum + _count.tracks, 0),
      }))
      .filter(({ tracks }: Db) => tracks >= 5)
      .toSorted((one: Db, other: Db) => other.tracks - one.tracks);
  },
  countries: async () =>
    (
      await db.invoice.groupBy({
        by: ["billing_country"],
        _count: true,
        _sum: { total: true },
        orderBy: [{ _sum: { total: "desc" } }, { billing_country: "asc" }],
      })
    ).map(({ billing_country, _count, _sum }: Db) => ({
      billing_country,
      invoices: _count,
      revenue: Number(_sum.total),
    })),
  history: async () =>
    (
      await db.customer.findMany({
        include: {
          invoices: {
            include: { lines: { orderBy: { invoice_line_id: "asc" } } },
            orderBy: { invoice_id: "asc" },
          },
        },
        orderBy: { customer_id: "asc" },
        take: 5,
      })
    ).map(({ customer_id, invoices }: Db) => ({
      customer_id,
      invoices: invoices.map(({ invoice_id, lines }: Db) => ({
        invoice_id,
        tracks: lines.map((line: Db) => line.track_id),
      })),
    })),
  playlists: async () =>
    (
      await db.playlist.findMany({
        where: { tracks: { some: {} } },
        include: { tracks: { orderBy: { track_id: "asc" } } },
        relationLoadStrategy: "join",
        orderBy: { playlist_id: "asc" },
      })
    )
      .filter(({ tracks }: Db) => tracks.length < 50)
      .map(({ playlist_id, name, tracks }: Db) => ({
        playlist_id,
        name,
        tracks: tracks.map(({ track_id }: Db) => track_id),
      })),
  love: async () =>
    (
      await db.track.findMany({
        where: { name: { contains: "love", mode: "insensitive" }, album: { isNot: null } },
        include: { album: { include: { artist: true } } },
        orderBy: { track_id: "asc" },
      })
    ).map(({ track_id, name, album }: Db) => ({
      track_id,
      name,
      album: album.title,
      artist: album.artist.name,
    })),
  bigSpenders: async () => {
    const all = await spentBy(db);
    const average = all.reduce((sum: Db, { _sum }: Db) => _sum.total.add(sum), 0).div(all.length);
    const big = await spentBy(db, { having: { total: { _sum: { gt: average } } } });
    return big.map(({ customer_id, _sum }: Db) => ({ customer_id, spent: Number(_sum.total) }));
  },
  staff: async () =>
    (
      await db.employee.findMany({
        include: { manager: true, reports: { orderBy: { employee_id: "asc" } } },
        orderBy: { employee_id: "asc" },
      })
    ).map(({ employee_id, last_name, manager, reports }: Db) => ({
      employee_id,
      last_name,
      manager: manager?.last_name ?? null,
      reports: reports.map((one: Db) => one.employee_id),
    })),
  thirdPage: async () =>
    (
      await db.invoice.findMany({
        include: { customer: true },
        orderBy: [{ invoice_date: "desc" }, { invoice_id: "desc" }],
        take: 10,
        skip: 20,
      })
    ).map(({ invoice_id, total, customer }: Db) => ({
      invoice_id,
      total: Number(total),
      last_name: customer.last_name,
    })),
});

export const shopkeeper: Shopkeeper = {
  name: "Prisma",
  open: async ({ guard }) => {
    const db = guardPrisma(guard, await connect(guard.pool));
    return { answers: answersOf(db), close: () => db.$disconnect() };
  },
};
