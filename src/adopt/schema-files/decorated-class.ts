import type { DrizzleImports } from "./drizzle-imports.js";
import type { DrizzleFile } from "./drizzle-source.js";
import { bare, placeOf, type Expression, type Place } from "./syntax.js";

/** A decorator of a module that is looked for. */
export interface Decorator {
  /** As the module exports it. */
  readonly name: string;
  readonly arguments: readonly Expression[];
  readonly place: Place;
  /** Between the parentheses; nothing where it is not called. */
  readonly inside: Place | undefined;
}

/** A property of a class, with its decorators. */
export interface Member {
  readonly name: string;
  readonly decorators: readonly Decorator[];
  readonly place: Place;
}

/** A class of a file's top, with the decorators of an ORM. */
export interface DecoratedClass {
  readonly file: DrizzleFile;
  readonly name: string;
  /** The class it extends, as written; nothing where it extends none. */
  readonly superClass: string | undefined;
  readonly decorators: readonly Decorator[];
  readonly members: readonly Member[];
  /** From its first decorator on. */
  readonly place: Place;
  readonly body: Place;
}

/** The classes at a file's top, with those of their decorators that come from one of the modules. */
export function decoratedClasses(
  file: DrizzleFile,
  imports: DrizzleImports,
  modules: readonly string[],
): DecoratedClass[] {
  return file.program.body.flatMap((statement) => {
    const node =
      statement.type === "ExportNamedDeclaration" || statement.type === "ExportDefaultDeclaration"
        ? statement.declaration
        : statement;
    if (node?.type !== "ClassDeclaration" || !node.id) return [];
    const decorators = (given: readonly DecoratorNode[] | null | undefined) =>
      (given ?? []).flatMap((one) => decorator(one, file.text, imports, modules) ?? []);
    const members = node.body.body.flatMap((member): Member[] => {
      if (member.type !== "ClassProperty" && member.type !== "ClassAccessorProperty") return [];
      if (member.static === true || member.key.type !== "Identifier" || member.computed) return [];
      return [
        {
          name: member.key.name,
          decorators: decorators(member.decorators),
          place: placeOf(member),
        },
      ];
    });
    const starts = [statement, node, ...(node.decorators ?? [])].map((one) => placeOf(one).start);
    const own = { start: Math.min(...starts), end: placeOf(node).end };
    return [
      {
        file,
        name: node.id.name,
        superClass:
          node.superClass?.type === "Identifier"
            ? node.superClass.name
            : node.superClass
              ? ""
              : undefined,
        decorators: decorators(node.decorators),
        members,
        place: own,
        body: placeOf(node.body),
      },
    ];
  });
}

interface DecoratorNode {
  readonly expression: Expression;
  readonly start?: number | null;
  readonly end?: number | null;
}

function decorator(
  node: DecoratorNode,
  text: string,
  imports: DrizzleImports,
  modules: readonly string[],
): Decorator | undefined {
  const expression = bare(node.expression);
  if (expression.type !== "CallExpression") return undefined;
  const { callee } = expression;
  const name = imports.imported(modules, callee as Expression);
  const args = expression.arguments.filter(
    (one): one is Expression => one.type !== "SpreadElement" && one.type !== "ArgumentPlaceholder",
  );
  if (name === undefined || args.length !== expression.arguments.length) return undefined;
  const behind = placeOf(expression.typeParameters ?? callee).end;
  return {
    name,
    arguments: args.map(bare),
    place: placeOf(node),
    inside: { start: text.indexOf("(", behind) + 1, end: placeOf(expression).end - 1 },
  };
}
