import { placeOf, type Expression } from "../../adopt/schema-files/syntax.js";
import type { ClientNode } from "./clients.js";
import { environmentVariable, readAddress, readValue } from "./pool-options.js";
import { changeProperties, isShared, propertiesOf, valueIn } from "./properties.js";
import type { Workbench } from "./workbench.js";

const ADAPTER = { name: "guardPostgresJs", file: "postgres-js" };
const GUARDED = "guardPostgresJs(pw.postgres, postgres)";
// What the guard's logins say.
const ADDRESS =
  "host hostname port path database db user username pass password ssl sslnegotiation".split(" ");
// What only a connection of its own could keep, so that guardPostgresJs() refuses it.
const LOST = ["connection", "socket", "target_session_attrs", "onparameter", "publications"];

/** Has the guard make the `sql` of postgres.js, with the options that are not of its connections. */
export function wirePostgresJs(bench: Workbench, client: ClientNode): void {
  const { file, node } = client;
  bench.wired(client);
  const given = node.arguments as Expression[];
  const last = given.at(-1);
  const value = last && file.names.valueOf(last);
  const options = value?.type === "ObjectExpression" ? value : undefined;
  const address = options === undefined ? given : given.slice(0, -1);
  const isPlain =
    !node.typeParameters &&
    address.length <= 1 &&
    (last === undefined || options === undefined || !isShared(last, file)) &&
    given.every(({ type }) => type !== ("SpreadElement" as string));
  const [url] = address;
  const isAddress =
    url === undefined ||
    ["StringLiteral", "TemplateLiteral"].includes(file.names.valueOf(url).type) ||
    environmentVariable(url, file) !== undefined;
  const properties = options ? propertiesOf(options) : new Map<string, never>();
  if (!isPlain || !isAddress || properties === undefined) {
    bench.leave(file, node, "it is not plain what it is given", GUARDED);
    return;
  }
  const lost = LOST.find((name) => properties.has(name));
  if (lost !== undefined) {
    bench.leave(
      file,
      node,
      `its ${lost} would have no effect, since its connections are the guard's. Put settings into \`startup\` of guardPg() in ${bench.entry}, and take it out`,
      GUARDED,
    );
    return;
  }
  const read = readAddress(url, valueIn(properties, "ssl"), file);
  if ("why" in read) {
    bench.leave(file, node, read.why, GUARDED);
    return;
  }
  const max = valueIn(properties, "max");
  const most = max && readValue(max, file);
  bench.keep({
    ...read,
    kept: most === undefined ? read.kept : new Map([...read.kept, ["max", most]]),
  });
  const editor = bench.editor(file);
  const stays = [...properties.keys()].some((name) => !ADDRESS.includes(name));
  const [{ end }, whole] = [placeOf(node.callee), placeOf(node)];
  if (options !== undefined && last !== undefined && stays) {
    bench.wrap(editor, node.callee, ADAPTER, ", ");
    editor.replace({ start: end, end: placeOf(last).start }, "");
    changeProperties(editor, options, { remove: ADDRESS });
  } else {
    bench.wrap(editor, node.callee, ADAPTER, ")");
    editor.replace({ start: end, end: whole.end }, "");
  }
}
