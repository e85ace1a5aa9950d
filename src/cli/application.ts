import { existsSync } from "node:fs";
import { PartywallError } from "../errors.js";
import type { Partywall } from "../partywall.js";
import { noConfig, pathIn, readConfig, type LoadedConfig } from "./config.js";
import type { Context } from "./context.js";
import { causeLine } from "./error-report.js";
import { UsageError } from "./usage-error.js";

const FUNCTIONS = ["run", "central", "system", "each", "ready", "close"] as const;

/** The application that a command works for. */
export interface Application extends LoadedConfig {
  /** The instance that `entry` exports; closed when the command ends. */
  partywall(): Promise<Partywall>;
}

/** The application of the configuration, or undefined where there is none and none was named. */
export async function findApplication(context: Context): Promise<Application | undefined> {
  const loaded = await readConfig(context.cwd, context.configFile);
  if (loaded === undefined) return undefined;
  // Reading it may have filled the environment, as dotenv does.
  context.redactor.addEnvironment(context.env);
  context.redactor.addAddress(loaded.config.postgres?.url ?? "");
  let instance: Promise<Partywall> | undefined;
  return { ...loaded, partywall: () => (instance ??= enter(loaded, context)) };
}

/** The application of the configuration. Throws {@link UsageError} where there is none. */
export async function loadApplication(context: Context): Promise<Application> {
  const application = await findApplication(context);
  if (application === undefined) throw noConfig(context.cwd);
  return application;
}

async function enter(loaded: LoadedConfig, context: Context): Promise<Partywall> {
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
  return instance;
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
