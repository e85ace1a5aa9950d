import { bare, type Syntax } from "../../adopt/schema-files/syntax.js";
import type { ClientNode } from "./clients.js";
import type { Statement } from "./file-editor.js";
import type { SourceFile } from "./source-file.js";
import { declarationOf } from "./wire-express.js";
import type { Workbench } from "./workbench.js";

/**
 * Lets the process prove its wall before it listens, where it does so at the top of an ES module; leaves it to a person
 * elsewhere.
 */
export function wireReady(bench: Workbench, client: ClientNode): void {
  const found = listening(bench, client);
  const after =
    "await pw.ready(); // before it listens: refuses to start where the wall does not stand";
  if (found === undefined) {
    bench.manual.push({ why: "no place was found where the application begins to listen", after });
    return;
  }
  const { file, statement } = found;
  const editor = bench.editor(file);
  if (!editor.esm || !file.program.body.includes(statement) || !mayAwait(file, bench)) {
    bench.leave(
      file,
      statement,
      "await may not stand here, or other code might run before it",
      after,
    );
    return;
  }
  const pw = bench.import(editor, "pw", bench.entry);
  editor.insertBefore(statement, [`await ${pw}.ready();`]);
}

// CommonJS, which TypeScript may compile to, has no await at the top.
function mayAwait(file: SourceFile, { modules }: Workbench): boolean {
  return modules.system === "esm" || /\.m[jt]s$/.test(file.path);
}

function listening(
  bench: Workbench,
  client: ClientNode,
): { readonly file: SourceFile; readonly statement: Statement } | undefined {
  const application = declarationOf(client.file, client.node)?.name;
  const found = bench.files.paths.flatMap((path) => {
    if (!bench.files.text(path).includes(".listen")) return [];
    const file = bench.files.get(path);
    if (file === undefined) return [];
    return file.program.body.flatMap((statement) => {
      const name = listenedOn(statement);
      if (name === undefined) return [];
      const origin = file.names.origin(name);
      const isIt =
        file.path === client.path
          ? name.name === application
          : origin !== undefined && bench.files.resolve(path, origin.module) === client.path;
      return isIt ? [{ file, statement }] : [];
    });
  });
  return found.length === 1 ? found[0] : undefined;
}

/** What `listen` is called on by a statement itself, as in `const server = app.listen(3000)`. */
function listenedOn(statement: Statement): Syntax<"Identifier"> | undefined {
  const expression =
    statement.type === "ExpressionStatement"
      ? statement.expression
      : statement.type === "VariableDeclaration"
        ? statement.declarations[0]?.init
        : undefined;
  const call = expression && bare(expression);
  if (call?.type !== "CallExpression" || call.callee.type !== "MemberExpression") return undefined;
  const { object, property } = call.callee;
  const isListen = property.type === "Identifier" && property.name === "listen";
  return isListen && object.type === "Identifier" ? object : undefined;
}
