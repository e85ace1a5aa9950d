/** What one slice of time gave. */
export interface Slice {
  /** Times the work was done in one second. */
  readonly perSecond: number;
  /** Median duration of the work, in milliseconds. */
  readonly p50: number;
  /** Processor time this process spent on doing it once, in microseconds; the server's is not in it. */
  readonly clientMicros: number;
}

/** How long to measure. */
export interface Measure {
  /** Slices each contender gets. */
  readonly rounds: number;
  readonly sliceMs: number;
  readonly warmMs: number;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function quantile(values: readonly number[], at: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const place = (sorted.length - 1) * at;
  const low = sorted[Math.floor(place)] ?? Number.NaN;
  const high = sorted[Math.ceil(place)] ?? Number.NaN;
  return low + (high - low) * (place - Math.floor(place));
}

/** Does the work with `concurrency` workers until `milliseconds` have passed. */
export async function takeSlice(
  work: () => Promise<unknown>,
  concurrency: number,
  milliseconds: number,
): Promise<Slice> {
  const durations: number[] = [];
  const processor = process.cpuUsage();
  const began = performance.now();
  const until = began + milliseconds;
  const worker = async () => {
    for (let at = performance.now(); at < until;) {
      await work();
      const done = performance.now();
      durations.push(done - at);
      at = done;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  const took = performance.now() - began;
  const { user, system } = process.cpuUsage(processor);
  return {
    perSecond: (durations.length * 1000) / took,
    p50: median(durations),
    clientMicros: (user + system) / durations.length,
  };
}

/** One that can be measured. */
export interface Measured {
  readonly name: string;
  slice(milliseconds: number): Promise<Slice>;
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

/**
 * Measures all against each other: one at a time, in short slices, in a new random order each round, so that whatever
 * else the machine does falls on all of them alike. The result has each one's slices in order of the rounds.
 */
export async function interleave(
  all: readonly Measured[],
  { rounds, sliceMs, warmMs }: Measure,
): Promise<Map<string, Slice[]>> {
  const slices = new Map<string, Slice[]>(all.map(({ name }) => [name, []]));
  for (const one of all) await one.slice(warmMs);
  for (let round = 0; round < rounds; round += 1) {
    for (const one of shuffled(all)) slices.get(one.name)?.push(await one.slice(sliceMs));
  }
  return slices;
}
