import type { Db, Document, MongoClient } from "mongodb";

/** Runs a script for mongosh as an administrator would, over an unguarded client, statement by statement. */
export async function mend(client: MongoClient, script: string): Promise<void> {
  for (const statement of script.split("\n").filter((line) => !/^(\/\/|$)/.test(line))) {
    // oxlint-disable-next-line typescript/no-implied-eval -- that it runs as it stands is what is to be shown
    const run = new Function("db", `return ${statement}`) as (db: Shell) => Promise<unknown>;
    await run(shellOf(client, client.db()));
  }
}

interface Shell {
  getSiblingDB(name: string): Shell;
  getCollection(name: string): unknown;
  runCommand(command: Document): Promise<Document>;
}

function shellOf(client: MongoClient, database: Db): Shell {
  return {
    getSiblingDB: (name) => shellOf(client, client.db(name)),
    getCollection: (name) => database.collection(name),
    runCommand: (command) => database.command(command),
  };
}
