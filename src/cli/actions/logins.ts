import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { PartywallError } from "../../errors.js";
import type { SqlClient } from "../../guards/postgres/ddl/catalog.js";
import {
  applyLogins,
  plannedLogins,
  planLogins,
  readLogins,
  type LoginOptions,
  type LoginPurpose,
  type LoginStanding,
} from "../../guards/postgres/ddl/logins.js";
import { UsageError } from "../usage-error.js";

/** Where a login's password came from: `kept` where the login was there before, `none` where it has none yet. */
export type PasswordOrigin = "environment" | "generated" | "none" | "kept";

/** The logins of an application, planned or created. */
export interface LoginsReport {
  readonly database: string;
  /** The SQL, without semicolons; passwords are in it as SCRAM verifiers only. */
  readonly statements: readonly string[];
  readonly logins: readonly {
    readonly purpose: LoginPurpose;
    readonly role: string;
    readonly origin: PasswordOrigin;
  }[];
  /** The file that the generated passwords were written to. */
  readonly file?: string;
  /** The roles and databases that were created; absent where nothing was run. */
  readonly created?: readonly string[];
}

/** What {@link makeLogins} works with. */
export interface LoginsRequest extends Omit<LoginOptions, "passwords"> {
  /** Where passwords are looked for, by `PARTYWALL_<PURPOSE>_PASSWORD`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether passwords that the environment does not name are made up; somebody must be told of them. */
  readonly generate: boolean;
  /** Where generated passwords are written: a new file that only its owner may read. */
  readonly file?: string;
  /** Runs the statements through this connection. */
  readonly client?: SqlClient;
  /** Told of every password before it is used, so that it can be kept out of what is printed. */
  readonly onPassword: (purpose: LoginPurpose, password: string, origin: PasswordOrigin) => void;
}

/** The environment variable that names a login's password. */
function passwordVariable(purpose: LoginPurpose): string {
  return `PARTYWALL_${purpose.toUpperCase()}_PASSWORD`;
}

/**
 * Plans the logins of an application, and creates them where a client is given: those that are there already keep their
 * passwords. Throws {@link UsageError} where the file for passwords is there already, `PW_CONFIG` for names or passwords
 * that cannot be, or a client without the rights it takes.
 */
export async function makeLogins(request: LoginsRequest): Promise<LoginsReport> {
  const { client, file } = request;
  const standing =
    client === undefined ? undefined : assertAble(await readLogins(client, request), request);
  const passwords: Partial<Record<LoginPurpose, string>> = {};
  const logins = plannedLogins(request).map(({ purpose, role }) => {
    const [password, origin] = passwordOf(purpose, role, request, standing);
    if (password !== undefined) {
      passwords[purpose] = password;
      request.onPassword(purpose, password, origin);
    }
    return { purpose, role, origin };
  });
  const plan = planLogins({ ...request, passwords });
  const generated = logins.filter(({ origin }) => origin === "generated");
  const written = file !== undefined && generated.length > 0;
  // Before anything is run: a login whose password nobody has would be of no use.
  if (written) {
    writePasswords(
      file,
      generated.map(({ purpose }) => `${passwordVariable(purpose)}=${passwords[purpose]!}\n`),
    );
  }
  const created =
    client === undefined || standing === undefined
      ? undefined
      : await applyLogins(client, plan, standing);
  return {
    database: request.database,
    statements: plan.map(({ sql }) => sql),
    logins,
    ...(written ? { file } : {}),
    ...(created === undefined ? {} : { created }),
  };
}

function assertAble(standing: LoginStanding, { managed }: LoginsRequest): LoginStanding {
  if (standing.superuser || managed) return standing;
  throw new PartywallError(
    "PW_CONFIG",
    "The login of the address is no superuser, so it cannot create the database for its owner. Name a superuser's address, or add --managed for a server that somebody else runs.",
  );
}

function passwordOf(
  purpose: LoginPurpose,
  role: string,
  { env, generate }: LoginsRequest,
  standing: LoginStanding | undefined,
): [string | undefined, PasswordOrigin] {
  if (standing?.roles.includes(role)) return [undefined, "kept"];
  const named = env[passwordVariable(purpose)];
  if (named) return [named, "environment"];
  return generate ? [randomBytes(24).toString("base64url"), "generated"] : [undefined, "none"];
}

function writePasswords(file: string, lines: readonly string[]): void {
  try {
    writeFileSync(file, lines.join(""), { flag: "wx", mode: 0o600 });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") {
      throw new UsageError(
        `--passwords names ${file}, which is there already and may hold passwords in use. Name another file, or use its passwords with --env ${file}.`,
      );
    }
    throw new UsageError(`--passwords names ${file}, which cannot be written. Mend the path.`, {
      cause,
    });
  }
}
