// https://github.com/mongodb/specifications/blob/master/source/wireversion-featurelist/wireversion-featurelist.md
const RELEASES: readonly (readonly [wire: number, release: readonly number[]])[] = [
  [25, [8, 0]],
  [21, [7, 0]],
  [17, [6, 0]],
  [13, [5, 0]],
  [9, [4, 4]],
  [8, [4, 2]],
  [7, [4, 0]],
  [6, [3, 6]],
];

/** The oldest release of the server that speaks as its greeting says; nothing before there is one. */
export function serverVersion(hello: { readonly maxWireVersion?: number } | null | undefined): {
  readonly serverVersion?: readonly number[];
} {
  const spoken = hello?.maxWireVersion;
  if (spoken === undefined) return {};
  const release = RELEASES.find(([wire]) => spoken >= wire)?.[1];
  return release === undefined ? {} : { serverVersion: release };
}
