import {
  startEmbeddedPostgres,
  type EmbeddedPostgres,
} from "../../../test/support/embedded-postgres.js";
import type { DataFolder } from "../data-folder.js";
import { Failure } from "../failure.js";

const OTHER_MAJOR =
  /initialized by PostgreSQL version (\S+), which is not compatible with this version (\S+)/;

/** Starts the shop's own PostgreSQL. Throws a `Failure` that says what to do when it cannot. */
export async function startDatabase(folder: DataFolder): Promise<EmbeddedPostgres> {
  try {
    return await startEmbeddedPostgres({ dataDir: folder.postgres });
  } catch (error) {
    const { message } = error as Error;
    const [, theirs, ours] = OTHER_MAJOR.exec(message) ?? [];
    if (theirs !== undefined) {
      throw new Failure(
        `The data in ${folder.path} was written by PostgreSQL ${theirs}, and this is ${ours?.replace(/\.$/, "")}. Nothing was changed. ` +
          "Go back to the release that wrote it, or name another folder with --data.",
        { cause: error },
      );
    }
    throw new Failure(message, { cause: error });
  }
}
