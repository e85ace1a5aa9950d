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

const GUARDED = "drizzle({ client: pw.postgres.pool })";

/** Gives Drizzle the guarded pool, wherever its own comes from. */
export function wireDrizzle(bench: Workbench, client: ClientNode): void {
  const { file, node, origin } = client;
  bench.wired(client);
  if (origin.module !== "drizzle-orm/node-postgres") {
    bench.leave(
      file,
      node,
      `${origin.module} is not the driver that the guard is for. This version guards pg`,
      `import { drizzle } from "drizzle-orm/node-postgres", and ${GUARDED}`,
    );
    return;
  }
  const [first] = node.arguments as Expression[];
  if (first === undefined || first.type === ("SpreadElement" as string)) {
    bench.leave(file, node, "it is not plain what it connects to", GUARDED);
    return;
  }
  const value = file.names.valueOf(first);
  if (value.type === "ObjectExpression") {
    wireOptions(bench, client, value);
    return;
  }
  const isAddress =
    value.type === "StringLiteral" ||
    value.type === "TemplateLiteral" ||
    environmentVariable(value, file) !== undefined;
  if (!isAddress) {
    wirePoolOf(bench, first, file);
    return;
  }
  const options = readPoolOptions(first, file);
  if (!("why" in options)) bench.keep(options);
  const editor = bench.editor(file);
  editor.replace(first, bench.guardedPool(editor));
}

/** `drizzle({ client })` and `drizzle({ connection })`. */
function wireOptions(
  bench: Workbench,
  { file, node }: ClientNode,
  options: Syntax<"ObjectExpression">,
): void {
  if (options.properties.some(({ type }) => type !== "ObjectProperty")) {
    bench.leave(file, node, "its options are put together from others", GUARDED);
    return;
  }
  const client = propertyOf(options, "client");
  if (client !== undefined) {
    wirePoolOf(bench, client, file);
    return;
  }
  const connection = options.properties.find(
    (property) => property.type === "ObjectProperty" && keyOf(property) === "connection",
  );
  if (connection?.type !== "ObjectProperty") {
    bench.leave(file, node, "it is not plain what it connects to", GUARDED);
    return;
  }
  const carried = readPoolOptions(connection.value as Expression, file);
  if ("why" in carried) {
    bench.leave(file, connection, carried.why, "client: pw.postgres.pool");
    return;
  }
  bench.keep(carried);
  const editor = bench.editor(file);
  editor.replace(connection, `client: ${bench.guardedPool(editor)}`);
}
