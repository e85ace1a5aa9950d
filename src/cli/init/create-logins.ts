import { makeLogins, type LoginsReport } from "../actions/logins.js";
import { connect, requiredUrl, type Connection } from "../connection.js";
import type { Context } from "../context.js";
import { UsageError } from "../usage-error.js";
import { readEnvFile } from "./env-files.js";
import type { InitPlan } from "./plan-init.js";

/** What creates the logins of a plan once its files are written. */
export interface LoginMaker {
  create(): Promise<LoginsReport>;
}

/**
 * Connects as the superuser who is to create the logins, before anything is written. Throws {@link UsageError} where the
 * plan cannot have them created: the database is not known, or no passwords go into `.env`.
 */
export async function loginMaker(
  plan: InitPlan,
  flags: { readonly url: string | undefined; readonly ownDatabaseOnly: boolean },
  context: Context,
): Promise<LoginMaker> {
  const { database, names } = plan.roles ?? {};
  if (database === undefined || names === undefined) {
    throw new UsageError(
      "--logins needs the address of the application's database, which .env does not have. Set it there, or leave --logins out and run partywall logins.",
    );
  }
  if (plan.secrets === undefined) {
    throw new UsageError(
      "--logins takes the passwords that init writes into .env, and it writes none: Git would take the file into the repository, or it has them. Have .env ignored, or leave --logins out and run partywall logins.",
    );
  }
  const client: Connection = await connect(
    context,
    undefined,
    requiredUrl(context, flags.url, undefined),
  );
  return {
    create: () =>
      makeLogins({
        database,
        roles: names,
        managed: false,
        ownDatabaseOnly: flags.ownDatabaseOnly,
        env: { ...context.env, ...readEnvFile(context.cwd) },
        generate: false,
        client,
        onPassword: (_purpose, password) => context.redactor.add(password),
      }),
  };
}
