import { stringOf, type Expression } from "../../adopt/schema-files/syntax.js";
import type { ClientNode } from "./clients.js";
import { readAddress } from "./pool-options.js";
import { changeProperties, isShared, propertiesOf, valueIn } from "./properties.js";
import type { Workbench } from "./workbench.js";

const ADAPTER = { name: "guardTypeorm", file: "typeorm" };
const GUARDED =
  'guardTypeorm(pw.postgres, new DataSource({ type: "postgres", url: process.env.PARTYWALL_APP_URL, driver: pw.postgres.driver, … }))';
const ADDRESS = ["host", "port", "username", "password", "database"];
// What changes tables is the migration login's, and is refused by guardTypeorm().
const CHANGES_TABLES = ["synchronize", "migrationsRun", "dropSchema"];

/** Puts a data source of TypeORM over the guard; its own pool has the application's login. */
export function wireTypeorm(bench: Workbench, client: ClientNode): void {
  const { file, node, origin } = client;
  bench.wired(client);
  const [given, ...others] = node.arguments as Expression[];
  const options = given && file.names.valueOf(given);
  if (options?.type !== "ObjectExpression" || others.length > 0 || origin.name !== "DataSource") {
    bench.leave(file, node, "its options are not written out in this file", GUARDED);
    return;
  }
  if (isShared(given!, file)) {
    bench.leave(file, node, "its options are read elsewhere too, as for migrations", GUARDED);
    return;
  }
  const properties = propertiesOf(options);
  if (properties === undefined) {
    bench.leave(file, node, "its options are put together from others", GUARDED);
    return;
  }
  const type = valueIn(properties, "type");
  if (stringOf(type && file.names.valueOf(type)) !== "postgres") {
    bench.leave(
      file,
      node,
      "this is not PostgreSQL through pg, which this version guards",
      GUARDED,
    );
    return;
  }
  const changing = CHANGES_TABLES.find((name) => {
    const value = valueIn(properties, name);
    const said = value && file.names.valueOf(value);
    return said !== undefined && !isFalse(said);
  });
  if (changing !== undefined || properties.has("replication") || properties.has("driver")) {
    const what = changing ?? (properties.has("driver") ? "driver" : "replication");
    bench.leave(
      file,
      properties.get(what) ?? node,
      changing === undefined
        ? `its ${what} leads elsewhere than to the guard`
        : `${what} changes tables, which the application's login may not. Have migrations do it, under their own login`,
      GUARDED,
    );
    return;
  }
  const read = readAddress(valueIn(properties, "url"), valueIn(properties, "ssl"), file);
  if ("why" in read) {
    bench.leave(file, node, read.why, GUARDED);
    return;
  }
  bench.keep(read);
  const editor = bench.editor(file);
  const address = bench.address(editor);
  const first = ["url", ...ADDRESS].find((name) => properties.has(name)) ?? "url";
  const driver = `driver: ${bench.guard(editor)}.driver`;
  changeProperties(editor, options, {
    remove: ADDRESS,
    put: { [first]: `url: ${address}`, driver },
  });
  bench.wrap(editor, node, ADAPTER);
  bench.notices.push(
    `${file.path} is now the application's data source. Migrations need one of their own, with the login that owns the tables and without the guard.`,
  );
}

const isFalse = (value: Expression): boolean => value.type === "BooleanLiteral" && !value.value;
