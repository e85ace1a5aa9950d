import { median, quantile, type Slice } from "./slices.js";

const HEAD = [
  "",
  "throughput",
  "(middle half)",
  "p50",
  "client CPU",
  "per second",
  "p50 ms",
  "client µs",
];

/**
 * The table of one cell of the matrix. Ratios are taken within each round, where both slices had the same neighbours,
 * and the median of these is printed: of throughput (more is better), of the median duration and of the client's
 * processor time (less is better). The last three columns are absolute, for orientation.
 */
export function ratioTable(slices: ReadonlyMap<string, readonly Slice[]>): string {
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
  const lines = [HEAD, ...rows];
  const widths = HEAD.map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  const aligned = (cell: string, column: number) =>
    column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0);
  return lines.map((line) => line.map(aligned).join("  ")).join("\n");
}
