import { PartywallError } from "../../errors.js";

/** The part of a Partywall instance that commands use; what `createPartywall` returns fits. */
export interface CommandHost {
  run<T>(tenant: { readonly slug: string }, fn: () => T): Promise<Awaited<T>>;
  central<T>(fn: () => T): Promise<Awaited<T>>;
  each(fn: () => unknown, options?: { readonly concurrency?: number }): Promise<unknown>;
}

/** The slice of an Ace command that {@link tenantCommand} uses. */
export interface AceCommand {
  readonly app: unknown;
  readonly kernel: unknown;
  readonly ui: unknown;
  readonly prompt: unknown;
  exitCode?: number;
  hydrate(): void;
  // oxlint-disable-next-line typescript/no-explicit-any -- as Ace types it
  run(...injected: any[]): Promise<any>;
  // oxlint-disable-next-line typescript/no-explicit-any -- as Ace types it
  exec(): Promise<any>;
}

/** The slice of Ace's `BaseCommand` that {@link tenantCommand} extends. */
export interface AceCommandClass {
  // oxlint-disable-next-line typescript/no-explicit-any -- what a mixin extends must be constructed so
  new (...args: any[]): AceCommand;
  boot(): void;
  defineFlag(name: string, options: { type: "string" | "boolean"; description: string }): void;
}

/** Options of {@link tenantCommand}. */
export interface TenantCommandOptions {
  /** Tenants at once with `--all`; 1 unless told, so that what they print does not mix. */
  readonly concurrency?: number;
}

interface Failure {
  readonly tenantId: string;
  readonly error: unknown;
}

interface Named {
  readonly name: string;
}

/** What the mixin reads of itself, past what Ace declares. */
interface Running extends AceCommand {
  readonly tenant?: string;
  readonly all?: boolean;
  readonly central?: boolean;
  readonly parsed: unknown;
  readonly logger: { error(message: string): void };
  readonly app: {
    readonly container: {
      make(type: unknown, args: readonly unknown[]): Promise<Running>;
      call(command: object, method: "run"): Promise<unknown>;
    };
  };
  prepare?: () => unknown;
}

/**
 * A base class for commands of AdonisJS 7 whose `run` has a scope. The command line says which: `--tenant=<slug>`, `--all`
 * for every active tenant, or `--central`; one of them, or the command fails with `PW_USAGE` and nothing of it runs.
 *
 * With `--all` each tenant gets a command of its own, with the arguments and flags as `prepare` and `interact` left them and
 * no other field: what one run writes to `this`, no other tenant's reads. All are visited; where some fail, the command does
 * with `PW_EACH_FAILED`. `prepare`, `interact` and `completed` run once, in no scope.
 *
 * @example
 * ```ts
 * import { BaseCommand } from "@adonisjs/core/ace";
 * import { createPartywall } from "partywall";
 * import { tenantCommand } from "partywall/frameworks/adonis";
 *
 * const pw = createPartywall({ secret: "at least thirty-two characters long" });
 *
 * export default class SendInvoices extends tenantCommand(pw, BaseCommand) {
 *   static override commandName = "invoices:send";
 *   static override options = { startApp: true };
 *
 *   override async run() {
 *     this.logger.info(`invoices of ${pw.current().name}`);
 *   }
 * }
 * ```
 */
export function tenantCommand<Base extends AceCommandClass>(
  host: CommandHost,
  BaseCommand: Base,
  options: TenantCommandOptions = {},
): Base {
  const { concurrency = 1 } = options;
  const Extended: AceCommandClass = BaseCommand;
  class TenantCommand extends Extended {
    override async exec(): Promise<unknown> {
      this.hydrate();
      const self = this as unknown as Running;
      const run = this.run.bind(this);
      const refused = refusalOf(self);
      // Ace then runs nothing else of the command, and says what the error says.
      if (refused !== undefined)
        self.prepare = () => {
          throw refused;
        };
      this.run = (...injected) => {
        // Whatever came between, such as a prepare() that changed its own flags.
        const now = refusalOf(self);
        if (now !== undefined) throw now;
        if (self.central === true) return host.central(() => run(...injected));
        if (self.all === true)
          return host
            .each(() => runAnew(self), { concurrency })
            .then(
              () => undefined,
              (error: unknown) => tell(self, error),
            );
        return host.run({ slug: self.tenant ?? "" }, () => run(...injected));
      };
      return super.exec();
    }
  }
  TenantCommand.boot();
  TenantCommand.defineFlag("tenant", {
    type: "string",
    description: "Run for this tenant, by its slug",
  });
  TenantCommand.defineFlag("all", {
    type: "boolean",
    description: "Run for every active tenant, one after the other",
  });
  TenantCommand.defineFlag("central", {
    type: "boolean",
    description: "Run for no tenant: shared tables only",
  });
  return TenantCommand as unknown as Base;
}

function refusalOf({ tenant, all, central }: Running): PartywallError | undefined {
  const given = [tenant !== undefined, all === true, central === true].filter(Boolean);
  if (given.length === 1 && tenant?.trim() !== "") return undefined;
  return new PartywallError(
    "PW_USAGE",
    "The command runs for one tenant, for all, or for none. Give one of --tenant=<slug>, --all and --central.",
  );
}

/** Says whom the command failed for, since Ace prints only what is thrown, and throws that. */
function tell({ logger }: Running, error: unknown): never {
  const failures = (error as { readonly failures?: readonly Failure[] }).failures ?? [];
  for (const { tenantId, error: why } of failures)
    logger.error(`${tenantId}: ${why instanceof Error ? why.message : String(why)}`);
  throw error;
}

/** Runs the command for one of several tenants, on an instance of its own. */
async function runAnew(command: Running): Promise<void> {
  const { app, kernel, parsed, ui, prompt } = command;
  const one = await app.container.make(command.constructor, [app, kernel, parsed, ui, prompt]);
  one.hydrate();
  const { args, flags } = command.constructor as unknown as Record<"args" | "flags", Named[]>;
  for (const { name } of [...args, ...flags])
    Reflect.set(one, name, structuredClone(Reflect.get(command, name)));
  await app.container.call(one, "run");
  if (one.exitCode !== undefined && one.exitCode !== 0) command.exitCode = one.exitCode;
}
