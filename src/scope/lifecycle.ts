import { PartywallError } from "../errors.js";
import { enter } from "./enter.js";
import type { Scope } from "./scope.js";
import type { Tenant } from "./tenant.js";

/** What a lifecycle handler is told. */
export interface ScopeEvent {
  readonly kind: Scope["kind"];
  /** The tenant of a tenant scope. */
  readonly tenant?: Tenant;
}

/** Undoes what an `entering` handler did. */
export type Cleanup = () => unknown;

/**
 * Handlers of the four moments of a scope. `entering`, cleanups and `left` run outside the scope, `entered` and
 * `leaving` inside it. Promises are awaited.
 */
export interface LifecycleHandlers {
  /** Before the scope opens; may return a cleanup. A throw keeps it closed. */
  readonly entering: (event: ScopeEvent) => void | Cleanup | Promise<void | Cleanup>;
  /** In the scope, before the function. A throw keeps the function from running. */
  readonly entered: (event: ScopeEvent) => void | Promise<void>;
  /** In the scope, when the function has settled. */
  readonly leaving: (event: ScopeEvent) => void | Promise<void>;
  /** Outside the scope, after the cleanups. */
  readonly left: (event: ScopeEvent) => void | Promise<void>;
}

/** Name of a lifecycle event. */
export type LifecycleEventName = keyof LifecycleHandlers;

type Handler = (event: ScopeEvent) => unknown;

/** The lifecycle handlers of one instance. */
export class Lifecycle {
  readonly #handlers: Record<LifecycleEventName, Handler[]> = {
    entering: [],
    entered: [],
    leaving: [],
    left: [],
  };
  #count = 0;

  /** Whether any handler is registered; when not, opening a scope costs nothing extra. */
  get active(): boolean {
    return this.#count > 0;
  }

  on(name: LifecycleEventName, handler: Handler): () => void {
    const entry: Handler = (event) => handler(event);
    this.#handlers[name] = [...this.#handlers[name], entry];
    this.#count += 1;
    return () => {
      const rest = this.#handlers[name].filter((one) => one !== entry);
      this.#count -= this.#handlers[name].length - rest.length;
      this.#handlers[name] = rest;
    };
  }

  /** Runs `fn` in `scope` between the handlers registered now. */
  async around<T>(scope: Scope, fn: () => T): Promise<Awaited<T>> {
    const handlers = { ...this.#handlers };
    const event = eventOf(scope);
    const cleanups: Cleanup[] = [];
    const faults: unknown[] = [];
    let outcome: Outcome<Awaited<T>> | undefined;

    const opened = await collecting(faults, async () => {
      for (const handler of handlers.entering) {
        const cleanup = await handler(event);
        if (typeof cleanup === "function") cleanups.push(cleanup as Cleanup);
      }
    });
    if (opened) {
      const ready = await collecting(faults, async () => {
        for (const handler of handlers.entered) await enter(scope, () => handler(event));
      });
      if (ready) outcome = await outcomeOf(enter(scope, fn));
      for (const handler of handlers.leaving) {
        await collecting(faults, () => enter(scope, () => handler(event)));
      }
    }
    for (const cleanup of cleanups.toReversed()) await collecting(faults, async () => cleanup());
    if (opened)
      for (const handler of handlers.left) await collecting(faults, async () => handler(event));
    return conclude(outcome, faults);
  }
}

/** What a function came to. */
export type Outcome<T> = { readonly value: T } | { readonly error: unknown };

/** What a promise came to, without throwing. */
export async function outcomeOf<T>(promise: Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await promise };
  } catch (error) {
    return { error };
  }
}

/**
 * The function's own outcome where nothing else failed. The function's error stays the one thrown and carries the
 * other failures as `scopeLifecycle`; otherwise they are thrown as `PW_SCOPE_LIFECYCLE`.
 */
export function conclude<T>(outcome: Outcome<T> | undefined, faults: readonly unknown[]): T {
  if (faults.length > 0) {
    const lifecycle = lifecycleError(outcome === undefined, faults);
    if (outcome === undefined || !("error" in outcome)) throw lifecycle;
    if (!attach(outcome.error, lifecycle)) throw lifecycleError(false, [outcome.error, ...faults]);
  }
  if (outcome === undefined) throw lifecycleError(true, faults);
  if ("error" in outcome) throw outcome.error;
  return outcome.value;
}

function lifecycleError(unopened: boolean, faults: readonly unknown[]): PartywallError {
  return new PartywallError(
    "PW_SCOPE_LIFECYCLE",
    unopened
      ? "A lifecycle handler failed, so the function was not run. See cause.errors."
      : "The function has run, but lifecycle handlers or cleanups failed. See cause.errors.",
    { cause: new AggregateError(faults, "scope lifecycle handlers failed") },
  );
}

function attach(error: unknown, lifecycle: PartywallError): boolean {
  if (!(error instanceof Error) || !Object.isExtensible(error)) return false;
  return Reflect.defineProperty(error, "scopeLifecycle", { value: lifecycle, configurable: true });
}

async function collecting(faults: unknown[], step: () => Promise<unknown>): Promise<boolean> {
  const outcome = await outcomeOf(step());
  if ("error" in outcome) faults.push(outcome.error);
  return !("error" in outcome);
}

function eventOf(scope: Scope): ScopeEvent {
  return Object.freeze(
    scope.kind === "tenant" ? { kind: scope.kind, tenant: scope.tenant } : { kind: scope.kind },
  );
}
