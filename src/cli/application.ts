import { existsSync } from "node:fs";
import { PartywallError } from "../errors.js";
import type { Partywall } from "../partywall.js";
import { noConfig, pathIn, readConfig, type LoadedConfig } from "./config.js";
import type { Provisioner } from "../tenants/postgres/provisioner.js";
import type { Context } from "./context.js";
import { causeLine } from "./error-report.js";
import { UsageError } from "./usage-error.js";

const FUNCTIONS = ["run", "central", "system", "each", "ready", "close"] as const;

const HOME_FUNCTIONS = ["provision", "migrate", "migrateAll", "deprovision", "vacate"] as const;

/** The application that a command works for. */
export interface Application extends LoadedConfig {
  /** The instance that `entry` exports; closed when the command ends. */
  partywall(): Promise<Partywall>;
  /** The provisioner that `entry` exports as `homes`. Throws {@link UsageError} where it exports none. */
  homes(): Promise<Provisioner>;
}

/** The application of the configuration, or undefined where there is none and none was named. */
export async function findApplication(context: Context): Promise<Application | undefined> {
  const loaded = await readConfig(context.cwd, context.configFile);
  if (loaded === undefined) return undefined;
  // Reading it may have filled the environment, as dotenv does.
  context.redactor.addEnvironment(context.env);
  const { url, servers = {} } = loaded.config.postgres ?? {};
  for (const one of [{ url }, ...Object.values(servers)]) {
    context.redactor.addAddress(one.url ?? "");
  }
  let entry: Promise<Entry> | undefined;
  const entered = () => (entry ??= enter(loaded, context));
  return {
    ...loaded,
    partywall: async () => (await entered()).partywall,
    homes: async () => homesOf(await entered()),
  };
}

/** The application of the configuration. Throws {@link UsageError} where there is none. */
export async function loadApplication(context: Context): Promise<Application> {
  const application = await findApplication(context);
  if (application === undefined) throw noConfig(context.cwd);
  return application;
}

interface Entry {
  readonly file: string;
  readonly partywall: Partywall;
  readonly exported: Readonly<Record<string, unknown>>;
}

async function enter(loaded: LoadedConfig, context: Context): Promise<Entry> {
  const file = pathIn(loaded, loaded.config.entry);
  if (!existsSync(file)) {
    throw new UsageError(
      `${loaded.file}: entry names ${file}, which is not there. Name the module that exports \`pw\`.`,
    );
  }
  let exported: Readonly<Record<string, unknown>>;
  try {
    exported = await loaded.loader.load(file);
  } catch (cause) {
    throw new PartywallError(
      "PW_CONFIG",
      `The entry ${file} could not be imported: ${causeLine(cause)}. Mend it, or what it imports.`,
      { cause },
    );
  } finally {
    context.redactor.addEnvironment(context.env);
  }
  const instance = [exported["pw"], exported["default"]].find(isPartywall);
  if (instance === undefined) {
    const names = Object.keys(exported);
    throw new UsageError(
      `The entry ${file} exports no Partywall instance as \`pw\` or as its default (it exports ${names.length === 0 ? "nothing" : names.join(", ")}). Add: export const pw = createPartywall({ … });`,
    );
  }
  context.defer(() => instance.close());
  return { file, partywall: instance, exported };
}

function homesOf({ file, exported }: Entry): Provisioner {
  const homes = exported["homes"];
  if (isProvisioner(homes)) return homes;
  throw new UsageError(
    `The entry ${file} exports no provisioner as \`homes\`. Add: export const homes = provisioner(pg, { … });`,
  );
}

function isProvisioner(value: unknown): value is Provisioner {
  if (typeof value !== "object" || value === null) return false;
  const candidate = value as Record<string, unknown>;
  return HOME_FUNCTIONS.every((name) => typeof candidate[name] === "function");
}

// By its shape: the application may have a copy of the package of its own.
function isPartywall(value: unknown): value is Partywall {
  if (typeof value !== "object" || value === null) return false;
  const candidate = value as Record<string, unknown>;
  return (
    FUNCTIONS.every((name) => typeof candidate[name] === "function") &&
    typeof candidate["tenants"] === "object"
  );
}
