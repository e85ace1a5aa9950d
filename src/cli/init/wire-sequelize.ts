import {
  placeOf,
  stringOf,
  type Expression,
  type Syntax,
} from "../../adopt/schema-files/syntax.js";
import type { ClientNode } from "./clients.js";
import { readAddress } from "./pool-options.js";
import { changeProperties, isShared, propertiesOf, valueIn } from "./properties.js";
import type { Workbench } from "./workbench.js";

const ADAPTER = { name: "guardSequelize", file: "sequelize" };
const GUARDED =
  'guardSequelize(pw.postgres, new Sequelize(process.env.PARTYWALL_APP_URL, { dialect: "postgres", dialectModule: pw.postgres.driver, … }))';
const ADDRESS = ["host", "port", "username", "password", "database"];

/** Puts a Sequelize instance over the guard; its own pool has the application's login. */
export function wireSequelize(bench: Workbench, client: ClientNode): void {
  const { file, node, origin } = client;
  bench.wired(client);
  const given = node.arguments as Expression[];
  if (origin.module === "@sequelize/core") {
    bench.leave(file, node, "Sequelize 7 takes its driver in another way", GUARDED);
    return;
  }
  // An address, a database with a user and a password, or neither; then the options.
  const last = given.at(-1);
  const options = last && file.names.valueOf(last);
  const hasOptions = options?.type === "ObjectExpression";
  const address = hasOptions ? given.slice(0, -1) : given;
  const isPlain = given.every(({ type }) => type !== ("SpreadElement" as string));
  if (!isPlain || last === undefined || (!hasOptions && given.length > 1)) {
    bench.leave(file, node, "its options are not written out in this file", GUARDED);
    return;
  }
  if (hasOptions && isShared(last, file)) {
    bench.leave(file, node, "its options are read elsewhere too, as for migrations", GUARDED);
    return;
  }
  const properties = hasOptions ? propertiesOf(options) : new Map<string, never>();
  const why = properties === undefined ? "its options are put together from others" : refusal();
  if (properties === undefined || why !== undefined) {
    bench.leave(file, node, why ?? "", GUARDED);
    return;
  }
  const dialectOptions = valueIn(properties, "dialectOptions");
  const secured =
    dialectOptions === undefined
      ? new Map<string, never>()
      : propertiesOf(file.names.valueOf(dialectOptions) as Syntax<"ObjectExpression">);
  const read = readAddress(
    address.length === 1 ? address[0] : undefined,
    secured && valueIn(secured, "ssl"),
    file,
  );
  if ("why" in read) {
    bench.leave(file, node, read.why, GUARDED);
    return;
  }
  bench.keep(read);
  const editor = bench.editor(file);
  const url = bench.address(editor);
  const driver = `dialectModule: ${bench.guard(editor)}.driver`;
  const [first] = address;
  const { end } = placeOf(address.at(-1) ?? node);
  if (hasOptions) {
    if (first) editor.replace({ start: placeOf(first).start, end }, url);
    else editor.wrap(last, `${url}, `, "");
    changeProperties(editor, options, { remove: ADDRESS, put: { dialectModule: driver } });
  } else {
    editor.replace(last, `${url}, ${editor.styled(`{ dialect: "postgres", ${driver} }`)}`);
  }
  bench.wrap(editor, node, ADAPTER);
  bench.notices.push(
    `${file.path} is now the application's Sequelize. Migrations and sync() need an instance of their own, with the login that owns the tables and without the guard.`,
  );

  function refusal(): string | undefined {
    const dialect = properties && valueIn(properties, "dialect");
    const name = dialect && stringOf(file.names.valueOf(dialect));
    if (dialect !== undefined && name !== "postgres") {
      return "this is not PostgreSQL through pg, which this version guards";
    }
    for (const other of ["replication", "dialectModule", "dialectModulePath"]) {
      if (properties?.has(other)) return `its ${other} leads elsewhere than to the guard`;
    }
    return undefined;
  }
}
