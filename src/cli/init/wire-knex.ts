import { keyOf, stringOf, type Expression } from "../../adopt/schema-files/syntax.js";
import type { ClientNode } from "./clients.js";
import { readPoolOptions } from "./pool-options.js";
import { VARIABLES } from "./environment.js";
import type { Workbench } from "./workbench.js";

const POSTGRES = new Set(["pg", "postgres", "postgresql", "pg-native"]);

const KNEX_LINES =
  "client: GuardedPostgres, connection: { connectionString: process.env.PARTYWALL_APP_URL }";

/**
 * Gives Knex a PostgreSQL client on the guarded driver, from the file of {@link guardedKnexFile}; false where that is left
 * to a person. Knex keeps its own pool.
 */
export function wireKnex(bench: Workbench, client: ClientNode, clientFile: string): boolean {
  const { file, node } = client;
  bench.wired(client);
  const [given, ...others] = node.arguments as Expression[];
  const options = given && file.names.valueOf(given);
  if (options?.type !== "ObjectExpression" || others.length > 0) {
    bench.leave(
      file,
      node,
      "its configuration is not written out in this file. The same configuration may serve migrations, which need the owner's login and stay as they are",
      `knex({ …, ${KNEX_LINES} })`,
    );
    return false;
  }
  const property = (name: string) =>
    options.properties.find((one) => one.type === "ObjectProperty" && keyOf(one) === name);
  const [kind, connection] = [property("client"), property("connection")];
  if (
    kind?.type !== "ObjectProperty" ||
    connection?.type !== "ObjectProperty" ||
    options.properties.some(({ type }) => type !== "ObjectProperty")
  ) {
    bench.leave(
      file,
      node,
      "its configuration is put together from others",
      `knex({ …, ${KNEX_LINES} })`,
    );
    return false;
  }
  const name = stringOf(file.names.valueOf(kind.value as Expression));
  if (name === undefined || !POSTGRES.has(name)) {
    bench.leave(
      file,
      kind,
      "this is not PostgreSQL through pg, which this version guards",
      KNEX_LINES,
    );
    return false;
  }
  const carried = readPoolOptions(connection.value as Expression, file);
  if ("why" in carried) {
    bench.leave(file, connection, carried.why, KNEX_LINES);
    return false;
  }
  // Knex connects by itself, so its options stay with it, and only the address is another.
  bench.keep({ ...carried, kept: new Map() });
  const editor = bench.editor(file);
  const kept = [...carried.kept].map(([key, text]) => `, ${key}: ${text}`).join("");
  const guarded = bench.import(editor, "GuardedPostgres", clientFile);
  editor.replace(kind.value, kind.shorthand ? `client: ${guarded}` : guarded);
  // Its types take no undefined.
  const there = /\.[cm]?tsx?$/.test(file.path) ? "!" : "";
  const variable = editor.styled(`process.env["${VARIABLES.app}"]`);
  const address = `{ connectionString: ${variable}${there}${kept} }`;
  editor.replace(connection.value, connection.shorthand ? `connection: ${address}` : address);
  if (property("searchPath") !== undefined || /\bafterCreate\b/.test(file.text)) {
    bench.notices.push(
      `${file.path} has settings that Knex sends when it connects (searchPath, afterCreate). There is no scope then, so they get PW_NO_SCOPE: put them into \`startup\` of guardPg() in ${bench.entry}.`,
    );
  }
  bench.notices.push(
    "Knex keeps a pool of its own, which has the application's login only: inside pw.system() it throws. Use pw.postgres.pool there.",
  );
  return true;
}
