import { PartywallError } from "../../errors.js";
import type { PgInternals, PgSubmittable } from "./driver.js";
import { secretName } from "./prepared.js";
import { RESET } from "./ticket.js";

const LISTED =
  "select pg_catalog.has_function_privilege('pg_catalog.pg_prepared_statement()', 'execute') as listed";

/** Why names would not be the guard's alone on a connection; `undefined` where they are. */
function nameRefusal(
  error: { readonly code?: string } | undefined,
  results: unknown,
): PartywallError | undefined {
  if (error?.code === "26000") {
    return new PartywallError(
      "PW_CONFIG",
      "guardPg() was told to keep prepared statements, but something between here and PostgreSQL renames them, as a pooler does, and its names can be guessed. Leave `preparedStatements` out, or connect directly (docs/guides/poolers.md).",
    );
  }
  const [result] = results as readonly {
    readonly rows: readonly { readonly listed?: boolean }[];
  }[];
  if (result?.rows[0]?.listed === false) return undefined;
  return new PartywallError(
    "PW_CONFIG",
    "guardPg() was told to keep prepared statements, but the application's login may list their names, so that tenant SQL could replace them. Take the right away (applyWall() reports it as `prepared-statements`), or leave `preparedStatements` out.",
  );
}

/**
 * What proves on a fresh connection that a statement's name is known to nobody else: PostgreSQL knows it by the name
 * it was sent under, and the login cannot list it. `done` hears a refusal, or an error that ended the proof.
 */
export function proofQueries(
  pg: PgInternals,
  done: (refusal: PartywallError | undefined, failure: Error | undefined) => void,
): PgSubmittable[] {
  const name = secretName();
  const prepare = new pg.Query({ name, text: LISTED });
  const execute = new pg.Query({ text: `execute "${name}"; deallocate "${name}"` });
  prepare.callback = (error) => {
    if (error) done(undefined, error);
  };
  execute.callback = (error, results) => {
    const failure: (Error & { code?: string }) | null | undefined = error;
    if (failure && failure.code !== "26000") done(undefined, failure);
    else done(nameRefusal(failure ?? undefined, results), undefined);
  };
  for (const query of [prepare, execute]) query.ticket = RESET;
  return [prepare, execute];
}
