import { propertyOf, stringOf, type Expression } from "../../adopt/schema-files/syntax.js";
import type { ClientNode } from "./clients.js";
import { environmentVariable, readPoolOptions, readValue } from "./pool-options.js";
import { changeProperties, isShared, propertiesOf, valueIn } from "./properties.js";
import type { Workbench } from "./workbench.js";

const POSTGRES = new Set(["pg", "postgres", "postgresql"]);
const ADAPTER = { name: "guardKnex", file: "knex" };
const GUARDED = 'guardKnex(pw.postgres, knex({ client: "pg" }))';
// What only a pool of Knex's own could keep, so that guardKnex() refuses it.
const SESSION = ["afterCreate", "validate"] as const;

/** Puts a Knex instance over the guard; its own connection and pool go. */
export function wireKnex(bench: Workbench, client: ClientNode): void {
  const { file, node } = client;
  bench.wired(client);
  const [given, ...others] = node.arguments as Expression[];
  if (given === undefined || given.type === ("SpreadElement" as string) || others.length > 0) {
    bench.leave(file, node, "it is not plain what it connects to", GUARDED);
    return;
  }
  const options = file.names.valueOf(given);
  const editor = bench.editor(file);
  if (options.type !== "ObjectExpression" || isShared(given, file)) {
    if (stringOf(options) !== undefined || environmentVariable(options, file) !== undefined) {
      bench.leave(file, node, "it is given an address alone", GUARDED);
      return;
    }
    // The same configuration may serve migrations, which go on connecting by it.
    bench.wrap(editor, node, ADAPTER);
    bench.notices.push(
      `${file.path} makes Knex of a configuration that others may read too. Its \`connection\` and \`pool\` are not used by it any more: say how many connections there may be in \`app\` of guardPg() in ${bench.entry}. With \`afterCreate\`, \`validate\` or \`searchPath\` it is refused with PW_CONFIG: put what they do into \`startup\` there.`,
    );
    return;
  }
  const properties = propertiesOf(options);
  const kind = properties && valueIn(properties, "client");
  if (properties === undefined || kind === undefined) {
    bench.leave(file, node, "its configuration is put together from others", GUARDED);
    return;
  }
  const name = stringOf(file.names.valueOf(kind));
  if (name === undefined || !POSTGRES.has(name)) {
    bench.leave(
      file,
      kind,
      "this is not PostgreSQL through pg, which this version guards",
      GUARDED,
    );
    return;
  }
  const pool = valueIn(properties, "pool");
  const session = SESSION.find((one) => propertyOf(pool && file.names.valueOf(pool), one));
  const lost = properties.has("searchPath") ? "searchPath" : session && `pool.${session}`;
  if (lost !== undefined) {
    bench.leave(
      file,
      node,
      `its ${lost} would have no effect, since its connections are the guard's. Put what it does into \`startup\` of guardPg() in ${bench.entry}, and take it out`,
      GUARDED,
    );
    return;
  }
  const carried = readPoolOptions(valueIn(properties, "connection"), file);
  if ("why" in carried) {
    bench.leave(file, properties.get("connection") ?? node, carried.why, GUARDED);
    return;
  }
  const max = propertyOf(pool && file.names.valueOf(pool), "max");
  const most = max && readValue(max, file);
  bench.keep({
    ...carried,
    kept: most === undefined ? carried.kept : new Map([...carried.kept, ["max", most]]),
  });
  changeProperties(editor, options, { remove: ["connection", "pool", "connectionPool"] });
  bench.wrap(editor, node, ADAPTER);
}
