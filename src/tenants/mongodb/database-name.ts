import { PartywallError } from "../../errors.js";
import type { AdminClient } from "./admin.js";

const LONGEST_BYTES = 63;
// What some system that the server runs on cannot have in the name of a file.
const FORBIDDEN = /[/\\. "$*<>:|?\0]/;
/** Where Partywall keeps what no scope of a tenant may reach. */
export const JOURNAL_DATABASE = "partywall";

const RESERVED = new Set(["admin", "local", "config"]);

/**
 * Throws `PW_PLACEMENT` for what cannot be the name of a tenant's own database: what MongoDB does not take, what is the server's or
 * the application's own, and what differs from another database's only by case.
 *
 * @see https://www.mongodb.com/docs/manual/reference/limits/#naming-restrictions
 */
export async function assertDatabaseName(
  client: AdminClient,
  name: string,
  apart: readonly (string | undefined)[],
): Promise<void> {
  const refuse = (what: string) =>
    new PartywallError(
      "PW_PLACEMENT",
      `A tenant cannot have a database ${JSON.stringify(name)}: ${what}. Nothing was done. homeName() makes a name that fits.`,
    );
  if (name === "") throw refuse("it is no name");
  if (Buffer.byteLength(name) > LONGEST_BYTES)
    throw refuse(`a name has ${LONGEST_BYTES} bytes at most`);
  if (FORBIDDEN.test(name))
    throw refuse('a name has no blanks, dots or any of / \\ " $ * < > : | ?');
  const folded = name.toLowerCase();
  if (RESERVED.has(folded)) throw refuse("that one is the server's own");
  if (
    [client.db().databaseName, JOURNAL_DATABASE, ...apart].some(
      (one) => one?.toLowerCase() === folded,
    )
  )
    throw refuse("that one is the application's");
  for (const other of await databaseNames(client)) {
    if (other !== name && other.toLowerCase() === folded)
      throw refuse(`there is ${JSON.stringify(other)}, which differs from it only by case`);
  }
}

async function databaseNames(client: AdminClient): Promise<string[]> {
  const { databases } = await client.db("admin").command({ listDatabases: 1, nameOnly: true });
  return (databases as { readonly name: string }[]).map(({ name }) => name);
}
