import { median, quantile, type Slice } from "./slices.js";

/** The middle ratio of throughput to the first of all with its middle half, for each, as a cell of a table. */
export function ratioCells(slices: ReadonlyMap<string, readonly Slice[]>): Map<string, string> {
  const [base = []] = slices.values();
  return new Map(
    [...slices].map(([name, own]) => {
      const ratios = own.map(
        ({ perSecond }, round) => perSecond / (base[round]?.perSecond ?? Number.NaN),
      );
      const [low, middle, high] = [0.25, 0.5, 0.75].map((at) => quantile(ratios, at).toFixed(2));
      return [name, `${middle} (${low} – ${high})`];
    }),
  );
}

/**
 * The table of one cell of the matrix. Ratios are taken within each round, where both slices had the same neighbours,
 * and the median of these is printed: of throughput (more is better), of the median duration and of the client's
 * processor time (less is better). The last three columns are absolute, for orientation.
 *
 * @param measured whose processor time it is; the database client's unless told
 */
export function ratioTable(
  slices: ReadonlyMap<string, readonly Slice[]>,
  measured = "client",
): string {
  const head = [
    "",
    "throughput",
    "(middle half)",
    "p50",
    `${measured} CPU`,
    "per second",
    "p50 ms",
    `${measured} µs`,
  ];
  const base = [...slices.values()][0] ?? [];
  const rows = [...slices].map(([name, own]) => {
    const ratios = (of: (slice: Slice) => number) =>
      own.flatMap((slice, round) => {
        const other = base[round];
        return other === undefined ? [] : [of(slice) / of(other)];
      });
    const absolute = (of: (slice: Slice) => number) => median(own.map(of));
    const throughput = ratios((slice) => slice.perSecond);
    return [
      name,
      median(throughput).toFixed(2),
      `(${quantile(throughput, 0.25).toFixed(2)}–${quantile(throughput, 0.75).toFixed(2)})`,
      `×${median(ratios((slice) => slice.p50)).toFixed(2)}`,
      `×${median(ratios((slice) => slice.clientMicros)).toFixed(2)}`,
      absolute((slice) => slice.perSecond).toFixed(0),
      absolute((slice) => slice.p50).toFixed(3),
      absolute((slice) => slice.clientMicros).toFixed(0),
    ];
  });
  const lines = [head, ...rows];
  const widths = head.map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  const aligned = (cell: string, column: number) =>
    column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0);
  return lines.map((line) => line.map(aligned).join("  ")).join("\n");
}
