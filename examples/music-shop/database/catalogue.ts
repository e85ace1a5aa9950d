/** What one shop sells and has sold; ids begin at 1 in every shop. */
export interface Catalogue {
  readonly artists: readonly { id: number; name: string }[];
  readonly albums: readonly {
    id: number;
    artistId: number;
    genreId: number;
    title: string;
    year: number;
  }[];
  readonly tracks: readonly {
    id: number;
    albumId: number;
    title: string;
    seconds: number;
    priceCents: number;
  }[];
  readonly customers: readonly { id: number; name: string; email: string }[];
  readonly orders: readonly { id: number; customerId: number; placedAt: string }[];
  readonly orderLines: readonly { orderId: number; trackId: number; priceCents: number }[];
}

const ADJECTIVES = [
  "Amber",
  "Borrowed",
  "Crooked",
  "Distant",
  "Electric",
  "Feral",
  "Gentle",
  "Hollow",
  "Idle",
  "Lunar",
];
const NOUNS = [
  "Harbour",
  "Lantern",
  "Meadow",
  "Orbit",
  "Parade",
  "River",
  "Signal",
  "Tide",
  "Winter",
  "Yard",
];
const FIRST = ["Ada", "Bo", "Cleo", "Dario", "Edda", "Farah", "Gus", "Hana", "Ilja", "Juno"];
const LAST = ["Abel", "Brandt", "Castel", "Dunne", "Eklund", "Fontaine", "Grau", "Hollis"];

/** A shop's data, the same on every machine for the same seed; nothing of it is anybody's. */
export function catalogueOf(seed: string): Catalogue {
  const random = generator(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = (words: readonly string[]) => words[below(words.length)]!;
  const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
  const title = () => `${pick(ADJECTIVES)} ${pick(NOUNS)}`;

  const artists = numbers(6).map((id) => ({ id, name: `The ${title()}s` }));
  const albums = numbers(12).map((id) => ({
    id,
    artistId: 1 + below(artists.length),
    genreId: 1 + below(5),
    title: title(),
    year: 1960 + below(65),
  }));
  const tracks = numbers(60).map((id) => ({
    id,
    albumId: 1 + ((id - 1) % albums.length),
    title: title(),
    seconds: 90 + below(300),
    priceCents: 79 + 10 * below(6),
  }));
  const customers = numbers(8).map((id) => {
    const [first, last] = [pick(FIRST), pick(LAST)];
    return {
      id,
      name: `${first} ${last}`,
      email: `${first}.${last}.${id}@example.com`.toLowerCase(),
    };
  });
  const orders = numbers(15).map((id) => ({
    id,
    customerId: 1 + below(customers.length),
    placedAt: new Date(Date.UTC(2025, below(12), 1 + below(28), below(24))).toISOString(),
  }));
  const orderLines = orders.flatMap((order) => {
    const chosen = new Set(numbers(1 + below(4)).map(() => 1 + below(tracks.length)));
    return [...chosen].map((trackId) => ({
      orderId: order.id,
      trackId,
      priceCents: tracks[trackId - 1]!.priceCents,
    }));
  });
  return { artists, albums, tracks, customers, orders, orderLines };
}

/** Numbers from 0 to 1 that depend on the seed alone: mulberry32 over FNV-1a, both in the public domain. */
function generator(seed: string): () => number {
  let state = 0x811c9dc5;
  for (const byte of Buffer.from(seed)) state = Math.imul(state ^ byte, 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
