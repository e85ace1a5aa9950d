import type { parse } from "@babel/parser";

type Statement = ReturnType<typeof parse>["program"]["body"][number];

/** An expression of TypeScript's grammar. */
export type Expression = Extract<Statement, { type: "ExpressionStatement" }>["expression"];

/** A node of one kind among the expressions. */
export type Syntax<Type extends Expression["type"]> = Extract<Expression, { type: Type }>;

export type Program = ReturnType<typeof parse>["program"];

/** Where a node stands in its file. */
export interface Place {
  readonly start: number;
  readonly end: number;
}

/** The place of a node that came out of a file. */
export function placeOf(node: {
  readonly start?: number | null;
  readonly end?: number | null;
}): Place {
  return { start: node.start ?? 0, end: node.end ?? 0 };
}

/** A method called on what stands before it: `.notNull()`. */
export interface Call {
  readonly name: string;
  readonly arguments: readonly Expression[];
  /** From the dot (and the blanks before it) to the closing parenthesis. */
  readonly place: Place;
  /** Between the parentheses. */
  readonly inside: Place;
}

/** A call with the methods called on its result, as builders are written: `text("email").notNull().unique()`. */
export interface CallChain {
  /** What is called first, as written: `text`, `t.text`. */
  readonly callee: Expression;
  readonly base: Call;
  readonly calls: readonly Call[];
  readonly place: Place;
}

/** Takes a chain of calls apart; nothing where an expression is none. */
export function callChain(expression: Expression, source: string): CallChain | undefined {
  const calls: Call[] = [];
  let node = bare(expression);
  for (;;) {
    if (node.type !== "CallExpression") return undefined;
    const { callee } = node;
    const args = node.arguments.filter(isExpression);
    if (args.length !== node.arguments.length) return undefined;
    const insideStart = openParenthesis(node, source);
    const inside = { start: insideStart, end: placeOf(node).end - 1 };
    if (
      callee.type === "MemberExpression" &&
      callee.property.type === "Identifier" &&
      !callee.computed
    ) {
      const object = bare(callee.object);
      const call = {
        name: callee.property.name,
        arguments: args,
        place: { start: placeOf(callee.object).end, end: placeOf(node).end },
        inside,
      };
      if (object.type === "CallExpression") {
        calls.unshift(call);
        node = object;
        continue;
      }
    }
    if (callee.type !== "Identifier" && callee.type !== "MemberExpression") return undefined;
    const name =
      callee.type === "Identifier"
        ? callee.name
        : callee.property.type === "Identifier" && !callee.computed
          ? callee.property.name
          : undefined;
    if (name === undefined) return undefined;
    return {
      callee,
      base: { name, arguments: args, place: placeOf(node), inside },
      calls,
      place: placeOf(expression),
    };
  }
}

// The tree gives the parenthesis no position of its own; type arguments may stand before it, and blanks.
function openParenthesis(node: Syntax<"CallExpression">, source: string): number {
  const behind = placeOf(node.typeParameters ?? node.callee).end;
  return source.indexOf("(", behind) + 1;
}

function isExpression(node: { readonly type: string }): node is Expression {
  return node.type !== "SpreadElement" && node.type !== "ArgumentPlaceholder";
}

/** An expression without parentheses, `as`, `satisfies` and `!` around it. */
export function bare(expression: Expression): Expression {
  let node = expression;
  while (
    node.type === "TSAsExpression" ||
    node.type === "TSSatisfiesExpression" ||
    node.type === "TSNonNullExpression" ||
    node.type === "ParenthesizedExpression"
  ) {
    node = node.expression;
  }
  return node;
}

/** The text of a string written out: quoted, or a template without expressions. */
export function stringOf(node: Expression | undefined): string | undefined {
  if (node === undefined) return undefined;
  const plain = bare(node);
  if (plain.type === "StringLiteral") return plain.value;
  if (plain.type === "TemplateLiteral" && plain.expressions.length === 0) {
    return plain.quasis[0]?.value.cooked ?? undefined;
  }
  return undefined;
}

/** What a function gives back, where its body is one expression or one `return`. */
export function returned(node: Expression | undefined): Expression | undefined {
  if (node?.type !== "ArrowFunctionExpression" && node?.type !== "FunctionExpression")
    return undefined;
  const { body } = node;
  if (body.type !== "BlockStatement") return bare(body);
  const [only] = body.body;
  return body.body.length === 1 && only?.type === "ReturnStatement" && only.argument
    ? bare(only.argument)
    : undefined;
}

/** The name of a property that is written out: `email`, `"email"`. */
export function keyOf(property: {
  readonly key: object;
  readonly computed?: boolean;
}): string | undefined {
  const key = property.key as Expression;
  if (key.type === "Identifier" && property.computed !== true) return key.name;
  return key.type === "StringLiteral" ? key.value : undefined;
}

/** The value of a property of an object that is written out. */
export function propertyOf(object: Expression | undefined, name: string): Expression | undefined {
  if (object?.type !== "ObjectExpression") return undefined;
  for (const property of object.properties) {
    if (property.type === "ObjectProperty" && keyOf(property) === name) {
      return property.value as Expression;
    }
  }
  return undefined;
}

/** A class, declared or as an expression. */
export type Class = Extract<Statement, { type: "ClassDeclaration" }> | Syntax<"ClassExpression">;

export type ClassMember = Class["body"]["body"][number];

export type Interface = Extract<Statement, { type: "TSInterfaceDeclaration" }>;

export type TypeAlias = Extract<Statement, { type: "TSTypeAliasDeclaration" }>;

/** A type as TypeScript writes it. */
export type TypeNode = TypeAlias["typeAnnotation"];

/** A member of an interface, or of an object type. */
export type TypeMember = Interface["body"]["body"][number];
