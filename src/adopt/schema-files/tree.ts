import type { Expression, Program } from "./syntax.js";

/** A node of any kind, by what all of them have. */
export interface LooseNode {
  readonly type: string;
  readonly start?: number | null;
  readonly end?: number | null;
  readonly [key: string]: unknown;
}

// Beside the children: positions, and comments, which hang on several nodes at once.
const NO_CHILDREN = new Set([
  "loc",
  "extra",
  "leadingComments",
  "innerComments",
  "trailingComments",
  "comments",
  "tokens",
  "errors",
]);

/** A node among statements and expressions; nodes of other kinds are passed through under the same type. */
export type SyntaxNode = Program["body"][number] | Expression;

/** Every node of a tree, in the order of the text. */
export function* nodesOf(root: unknown): Generator<SyntaxNode> {
  for (const node of looseNodesOf(root)) yield node as unknown as SyntaxNode;
}

/** The same, for what asks nodes for properties that only some kinds have. */
export function* looseNodesOf(root: unknown): Generator<LooseNode> {
  // With a stack of its own: a long chain of calls or sums is a deep tree.
  const waiting: unknown[] = [root];
  while (waiting.length > 0) {
    const next = waiting.pop();
    const isList = Array.isArray(next);
    if (!isList && !isNode(next)) continue;
    if (!isList) yield next;
    const children = isList ? next : childrenOf(next);
    for (let at = children.length - 1; at >= 0; at -= 1) waiting.push(children[at]);
  }
}

function childrenOf(node: LooseNode): unknown[] {
  return Object.entries(node).flatMap(([key, child]) =>
    NO_CHILDREN.has(key) || typeof child !== "object" || child === null ? [] : [child],
  );
}

/** Whether a value is a node. */
export function isNode(value: unknown): value is LooseNode {
  return (
    typeof value === "object" && value !== null && "type" in value && typeof value.type === "string"
  );
}
