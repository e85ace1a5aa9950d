interface PlanNode {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Index Name"?: string;
  readonly "Index Cond"?: string;
  readonly "Plan Rows": number;
  readonly Plans?: readonly PlanNode[];
}

/** Plans as EXPLAIN (FORMAT JSON) returns them. */
export type Explained = readonly {
  readonly Plan: PlanNode;
  /** In milliseconds, where it was run. */
  readonly "Planning Time"?: number;
  readonly "Execution Time"?: number;
}[];

function* nodes(node: PlanNode): Generator<PlanNode> {
  yield node;
  for (const child of node.Plans ?? []) yield* nodes(child);
}

/** What a plan reads and by which condition, a line for each scan. */
export function scansOf([explained]: Explained): string[] {
  if (explained === undefined) throw new Error("EXPLAIN returned no plan.");
  return [...nodes(explained.Plan)]
    .filter(
      (node) => node["Node Type"].endsWith("Scan") && node["Node Type"] !== "Bitmap Heap Scan",
    )
    .map(
      (node) =>
        `${node["Node Type"]} ${node["Index Name"] ?? node["Relation Name"] ?? ""}, ` +
        `by ${node["Index Cond"] ?? "nothing"}, ${node["Plan Rows"]} rows estimated`,
    );
}

/** Whether every scan of a plan goes by the tenant through an index. */
export const goesByTenant = (scans: readonly string[]): boolean =>
  scans.length > 0 &&
  scans.every((scan) => /^(?:Bitmap )?Index (?:Only )?Scan .*by .*\(tenant_id = /.test(scan));
