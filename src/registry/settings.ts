import { PartywallError } from "../errors.js";
import { frozenJson, NotJsonError } from "../scope/frozen.js";
import type { FieldsInputOf } from "./field-types.js";
import { checkedFields, type FieldsOrigin } from "./fields.js";
import type { StandardSchemaV1 } from "./standard-schema.js";
import { invalid } from "./tenant-errors.js";

type FrozenSettings = Readonly<Record<string, unknown>>;

/**
 * What a tenant may set for itself. `defaults` may be left out where the schema (or its absence) accepts `{}`.
 *
 * @example
 * ```ts
 * import type { SettingsOptions, StandardSchemaV1 } from "partywall/registry";
 *
 * declare const schema: StandardSchemaV1<{ locale: string; logo?: string }>;
 * export const settings: SettingsOptions<typeof schema> = { schema, defaults: { locale: "en" } };
 * ```
 */
export type SettingsOptions<Schema extends StandardSchemaV1 | undefined = undefined> = {
  /** Standard Schema of all settings together. Its output must be JSON; what is kept is its input. */
  readonly schema?: Schema;
} & ({} extends FieldsInputOf<Schema>
  ? { readonly defaults?: FieldsInputOf<Schema> }
  : {
      /** What a tenant has that set nothing; the schema must accept it. */
      readonly defaults: FieldsInputOf<Schema>;
    });

/** The settings to change, by their names; `undefined` stands for the default. */
export type SettingsPatch<Input = FrozenSettings> = {
  readonly [Name in keyof Input]?: Input[Name] | undefined;
};

/** Defaults and schema of the tenants' settings. */
export class Settings {
  readonly #schema: StandardSchemaV1 | undefined;
  readonly #defaults: FrozenSettings;

  /** Throws `PW_CONFIG` for defaults that are no object of JSON, and for an option nobody knows. */
  constructor(options: { readonly schema?: unknown; readonly defaults?: unknown } = {}) {
    const { schema, defaults = {}, ...rest } = options;
    const [stranger] = Object.keys(rest);
    if (stranger !== undefined)
      throw refused(`it does not know the option "${stranger}"; it knows schema and defaults`);
    this.#schema = schema as StandardSchemaV1 | undefined;
    this.#defaults = objectOf(defaults, (why) => refused(`defaults cannot be kept: ${why}`));
  }

  /** The settings of a tenant that has `own`: those and the defaults, through the schema; deeply frozen. */
  of(own: FrozenSettings, origin: FieldsOrigin): Promise<FrozenSettings> {
    return checkedFields(this.#schema, { ...this.#defaults, ...own }, origin, "settings");
  }

  /** Rejects with `PW_CONFIG` where the schema refuses the defaults: no tenant could be entered. */
  async assertDefaults(): Promise<void> {
    try {
      await this.of({}, "caller");
    } catch (cause) {
      if (!(cause instanceof PartywallError)) throw cause;
      throw refused("the schema does not accept the defaults, see cause", cause);
    }
  }
}

/** What is a tenant's own after a change; frozen. Throws `PW_TENANT_INVALID` for a patch that is no object of JSON. */
export function changedSettings(own: FrozenSettings, patch: unknown): FrozenSettings {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch))
    throw invalid("the settings to change are an object");
  const changes = new Map(Object.entries(patch) as [string, unknown][]);
  const kept = Object.entries(own).filter(([name]) => !changes.has(name));
  const set = [...changes].filter(([, value]) => value !== undefined);
  // fromEntries defines properties, so a key named __proto__ stays a key.
  return objectOf(Object.fromEntries([...kept, ...set]), invalid);
}

function objectOf(value: unknown, failure: (why: string) => PartywallError): FrozenSettings {
  try {
    const frozen = frozenJson(value, "settings");
    if (typeof frozen === "object" && frozen !== null && !Array.isArray(frozen))
      return frozen as FrozenSettings;
  } catch (error) {
    if (error instanceof NotJsonError) throw failure(error.message);
    throw error;
  }
  throw failure("settings are an object");
}

function refused(what: string, cause?: unknown): PartywallError {
  return new PartywallError(
    "PW_CONFIG",
    `createPartywall({ settings }): ${what}.`,
    cause === undefined ? undefined : { cause },
  );
}
