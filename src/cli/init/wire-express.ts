import { bare, stringOf, type Expression } from "../../adopt/schema-files/syntax.js";
import { lineAt } from "../../adopt/schema-files/text-edits.js";
import type { ClientNode } from "./clients.js";
import type { Statement } from "./file-editor.js";
import { nodesOf } from "../../adopt/schema-files/tree.js";
import type { SourceFile } from "./source-file.js";
import type { Workbench } from "./workbench.js";

/** The name under which the file of `tenancy()` exports its middleware. */
export const MIDDLEWARE = "inTenant";

const GUARDED = `app.use(${MIDDLEWARE}); // before the first route`;
const SETTINGS = new Set(["set", "enable", "disable", "engine", "on", "once", "param"]);
const ROUTES = new Set([
  "get",
  "post",
  "put",
  "patch",
  "delete",
  "options",
  "head",
  "all",
  "route",
]);
// Middleware that answers no request of the application's own, or says who is asking.
const HARMLESS =
  /^(?:express\s*\.\s*(?:json|urlencoded|raw|text|static)|(?:body-?parser|bodyParser)\s*\.\s*\w+|(?:json|urlencoded|helmet|cors|morgan|compression|cookieParser|cookieSession|session|expressSession|pinoHttp|pino|logger|responseTime|requestId|rateLimit|favicon|serveStatic|methodOverride)|passport\s*\.\s*(?:initialize|session|authenticate))\s*\(/;
const HEALTH =
  /^\/(?:health|healthz|healthcheck|ready|readyz|live|livez|ping|status|metrics)(?:\/|$)/;

/** What wiring an Express application came to. */
export interface ExpressWiring {
  /** Whether the middleware was put in front of the routes. */
  readonly isWired: boolean;
  /** Routes that are asked by machines, which name no tenant. */
  readonly health: readonly string[];
}

/** Puts the middleware in front of the first route of the application; leaves what is not plain to a person. */
export function wireExpress(
  bench: Workbench,
  client: ClientNode,
  tenancyFile: string,
): ExpressWiring {
  const { file, node } = client;
  bench.wired(client);
  const place = declarationOf(file, node);
  if (place === undefined) {
    bench.leave(
      file,
      node,
      "the application is not held by a constant of its own, so it is not plain where its routes begin",
      GUARDED,
    );
    return { isWired: false, health: [] };
  }
  const { name, behind, statement } = place;
  const health = healthRoutes(file, name);
  const stop = behind.find((one) => mentions(one, name) && !isBefore(one, name, file));
  const editor = bench.editor(file);
  const middleware = bench.import(editor, MIDDLEWARE, tenancyFile);
  const line = `${name}.use(${middleware});`;
  if (stop) {
    editor.insertBefore(stop, [line], true);
    noteUnknown(bench, file, name, stop);
  } else {
    editor.insertAfter(behind.findLast((one) => mentions(one, name)) ?? statement, [line]);
  }
  return { isWired: true, health };
}

interface Place {
  readonly name: string;
  readonly statement: Statement;
  /** The statements behind it in its block. */
  readonly behind: readonly Statement[];
}

/** Where the application is declared: a constant of a block, and what follows it there. */
export function declarationOf(file: SourceFile, node: ClientNode["node"]): Place | undefined {
  for (const block of [file.program, ...nodesOf(file.program)]) {
    if (block.type !== "Program" && block.type !== "BlockStatement") continue;
    const at = block.body.findIndex((statement) => variableOf(statement, node) !== undefined);
    const statement = block.body[at];
    const name = statement && variableOf(statement, node);
    // A name that is declared twice may be another application's.
    if (statement === undefined || name === undefined) continue;
    if (file.names.variable(name) === undefined) return undefined;
    return { name, statement, behind: block.body.slice(at + 1) };
  }
  return undefined;
}

function variableOf(statement: Statement, node: ClientNode["node"]): string | undefined {
  const declaration =
    statement.type === "ExportNamedDeclaration" ? statement.declaration : statement;
  if (declaration?.type !== "VariableDeclaration") return undefined;
  const found = declaration.declarations.find(({ init }) => init && bare(init) === node);
  return found?.id.type === "Identifier" ? found.id.name : undefined;
}

function mentions(statement: Statement, name: string): boolean {
  for (const node of nodesOf(statement)) {
    if (node.type === "Identifier" && node.name === name) return true;
  }
  return false;
}

/** Whether a statement belongs in front of the tenancy: a setting, or middleware that is known to serve nothing. */
function isBefore(statement: Statement, name: string, file: SourceFile): boolean {
  // A function that is only declared here does nothing yet.
  if (statement.type === "FunctionDeclaration") return true;
  if (statement.type !== "ExpressionStatement") return false;
  const { expression } = statement;
  if (expression.type === "AssignmentExpression") {
    return new RegExp(`^${escaped(name)}\\s*\\.\\s*locals\\b`).test(textOf(expression.left, file));
  }
  const call = callOn(expression, name);
  if (call === undefined) return false;
  if (SETTINGS.has(call.method)) return true;
  // `app.get("view engine")` with one argument reads a setting.
  if (call.method === "get" && call.arguments.length === 1) return true;
  return (
    call.method === "use" &&
    call.arguments.every(
      (argument) => HARMLESS.test(textOf(argument, file)) || isPath(argument, call),
    )
  );
}

// `app.use("/assets", express.static(…))`
function isPath(argument: Expression, call: Call): boolean {
  return argument === call.arguments[0] && stringOf(argument) !== undefined;
}

interface Call {
  readonly method: string;
  readonly arguments: readonly Expression[];
}

function callOn(expression: Expression, name: string): Call | undefined {
  const node = bare(expression);
  if (node.type !== "CallExpression") return undefined;
  const { callee } = node;
  if (callee.type !== "MemberExpression" || callee.property.type !== "Identifier") return undefined;
  if (callee.object.type !== "Identifier" || callee.object.name !== name) return undefined;
  return { method: callee.property.name, arguments: node.arguments as Expression[] };
}

function noteUnknown(bench: Workbench, file: SourceFile, name: string, stop: Statement): void {
  const call = stop.type === "ExpressionStatement" ? callOn(stop.expression, name) : undefined;
  if (call?.method !== "use" || call.arguments.some((argument) => stringOf(argument) !== undefined))
    return;
  bench.notices.push(
    `${file.path}:${lineAt(file.text, stop.start ?? 0)}: ${name}.use(${MIDDLEWARE}) stands before ${textOf(stop, file).split("\n")[0]!}. Move it behind what says who is asking, if \`authorize\` needs that.`,
  );
}

/** Routes written out on the application that are asked by machines. */
function healthRoutes(file: SourceFile, name: string): string[] {
  const found = new Set<string>();
  for (const node of nodesOf(file.program)) {
    const call = node.type === "CallExpression" ? callOn(node, name) : undefined;
    const path = call && ROUTES.has(call.method) ? stringOf(call.arguments[0]) : undefined;
    if (path !== undefined && call!.arguments.length > 1 && HEALTH.test(path)) found.add(path);
  }
  return [...found];
}

const textOf = (
  { start, end }: { readonly start?: number | null; readonly end?: number | null },
  file: SourceFile,
): string => file.text.slice(start ?? 0, end ?? 0);

const escaped = (name: string): string => name.replaceAll("$", String.raw`\$`);
