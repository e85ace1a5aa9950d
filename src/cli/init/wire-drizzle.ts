import {
  keyOf,
  propertyOf,
  type Expression,
  type Syntax,
} from "../../adopt/schema-files/syntax.js";
import type { ClientNode } from "./clients.js";
import { environmentVariable, readPoolOptions } from "./pool-options.js";
import { wirePoolOf } from "./wire-pool.js";
import type { Workbench } from "./workbench.js";

const ADAPTER = { name: "guardDrizzle", file: "drizzle" };
const GUARDED = "guardDrizzle(pw.postgres, drizzle({ client: pw.postgres.pool }))";

/** Gives Drizzle the guarded pool, wherever its own comes from, and hands what it makes to the adapter. */
export function wireDrizzle(bench: Workbench, client: ClientNode): void {
  bench.wired(client);
  if (wireDriver(bench, client)) bench.wrap(bench.editor(client.file), client.node, ADAPTER);
}

function wireDriver(bench: Workbench, client: ClientNode): boolean {
  const { file, node, origin } = client;
  if (origin.module !== "drizzle-orm/node-postgres") {
    bench.leave(
      file,
      node,
      `${origin.module} is not the driver that the guard is for. This version guards pg`,
      `import { drizzle } from "drizzle-orm/node-postgres", and ${GUARDED}`,
    );
    return false;
  }
  const [first] = node.arguments as Expression[];
  if (first === undefined || first.type === ("SpreadElement" as string)) {
    bench.leave(file, node, "it is not plain what it connects to", GUARDED);
    return false;
  }
  const value = file.names.valueOf(first);
  if (value.type === "ObjectExpression") {
    return wireOptions(bench, client, value);
  }
  const isAddress =
    value.type === "StringLiteral" ||
    value.type === "TemplateLiteral" ||
    environmentVariable(value, file) !== undefined;
  if (!isAddress) {
    return wirePoolOf(bench, first, file);
  }
  const options = readPoolOptions(first, file);
  if (!("why" in options)) bench.keep(options);
  const editor = bench.editor(file);
  editor.replace(first, bench.guardedPool(editor));
  return true;
}

/** `drizzle({ client })` and `drizzle({ connection })`. */
function wireOptions(
  bench: Workbench,
  { file, node }: ClientNode,
  options: Syntax<"ObjectExpression">,
): boolean {
  if (options.properties.some(({ type }) => type !== "ObjectProperty")) {
    bench.leave(file, node, "its options are put together from others", GUARDED);
    return false;
  }
  const client = propertyOf(options, "client");
  if (client !== undefined) {
    return wirePoolOf(bench, client, file);
  }
  const connection = options.properties.find(
    (property) => property.type === "ObjectProperty" && keyOf(property) === "connection",
  );
  if (connection?.type !== "ObjectProperty") {
    bench.leave(file, node, "it is not plain what it connects to", GUARDED);
    return false;
  }
  const carried = readPoolOptions(connection.value as Expression, file);
  if ("why" in carried) {
    bench.leave(file, connection, carried.why, "client: pw.postgres.pool");
    return false;
  }
  bench.keep(carried);
  const editor = bench.editor(file);
  editor.replace(connection, `client: ${bench.guardedPool(editor)}`);
  return true;
}
