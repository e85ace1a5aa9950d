import type { Expression } from "../../adopt/schema-files/syntax.js";
import type { ClientNode } from "./clients.js";
import { readPoolOptions } from "./pool-options.js";
import type { SourceFile } from "./source-file.js";
import type { Workbench } from "./workbench.js";

const GUARDED = "pw.postgres.pool";

/** Puts the guarded pool where one is constructed; false where that is left to a person. */
export function wirePool(bench: Workbench, client: ClientNode): boolean {
  const { file, node } = client;
  if (bench.isWired(client)) return true;
  bench.wired(client);
  const [argument, ...others] = node.arguments as Expression[];
  const options =
    others.length === 0 && argument?.type !== ("SpreadElement" as string)
      ? readPoolOptions(argument, file)
      : { why: "it is given several arguments" };
  if ("why" in options) {
    bench.leave(
      file,
      node,
      `${options.why}, so it was left as it is. Give the guard what it needs of them, as \`app\` in ${bench.entry}`,
      GUARDED,
    );
    return false;
  }
  bench.keep(options);
  const editor = bench.editor(file);
  editor.replace(node, bench.guardedPool(editor));
  if (/\.on\(\s*["'`]connect["'`]/.test(file.text)) {
    bench.notices.push(
      `${file.path} listens to the pool's "connect" event, which fires outside every scope: a query there gets PW_NO_SCOPE. Put such settings into \`startup\` of guardPg() in ${bench.entry}.`,
    );
  }
  return true;
}

/**
 * Finds the pool that an expression stands for, here or in the file it is imported from, and puts the guarded one in its
 * place; false where that is left to a person.
 */
export function wirePoolOf(bench: Workbench, expression: Expression, file: SourceFile): boolean {
  const client = poolOf(bench, expression, file);
  if (client !== undefined) return wirePool(bench, client);
  bench.leave(
    file,
    expression,
    "it is not plain in the source which pool this is, so it was left as it is",
    GUARDED,
  );
  return false;
}

function poolOf(
  bench: Workbench,
  expression: Expression,
  file: SourceFile,
  seen: ReadonlySet<Expression> = new Set(),
): ClientNode | undefined {
  // Files may hand a name around in a circle.
  if (seen.has(expression)) return undefined;
  const known = new Set([...seen, expression]);
  const value = file.names.valueOf(expression);
  const pools = bench.clients.filter(({ kind }) => kind === "pg.Pool");
  const here = pools.find(({ node }) => node === value);
  // Kept in a variable when it is first made: `pool ??= new Pool()`.
  if (value.type === "AssignmentExpression" || value.type === "LogicalExpression") {
    return poolOf(bench, value.right, file, known);
  }
  if (here !== undefined || value.type !== "Identifier") return here;
  const variable = file.names.variable(value.name)?.declarator;
  if (variable?.init) {
    const { init } = variable;
    return pools.find(({ node }) => node === file.names.valueOf(init));
  }
  const origin = file.names.origin(value);
  const path = origin && bench.files.resolve(file.path, origin.module);
  const exporter = path === undefined ? undefined : bench.files.get(path);
  const exported = origin && exporter && exportOf(exporter, origin.name);
  return exported && exporter && poolOf(bench, exported, exporter, known);
}

/** What a file exports under a name. */
function exportOf({ program }: SourceFile, name: string): Expression | undefined {
  for (const statement of program.body) {
    if (statement.type === "ExportDefaultDeclaration" && name === "default") {
      return statement.declaration as Expression;
    }
    if (statement.type !== "ExportNamedDeclaration" || statement.source) continue;
    if (statement.declaration?.type === "VariableDeclaration") {
      for (const { id, init } of statement.declaration.declarations) {
        if (id.type === "Identifier" && id.name === name && init) return init;
      }
    }
    for (const specifier of statement.specifiers) {
      if (specifier.type !== "ExportSpecifier") continue;
      const { exported } = specifier;
      const called = exported.type === "Identifier" ? exported.name : exported.value;
      if (called === name) return specifier.local;
    }
  }
  return undefined;
}
