import { PartywallError } from "../../errors.js";
import type { PgModule, PostgresGuard } from "../../guards/postgres/index.js";

/** The slice of MikroORM's `EntityManager` that is guarded. */
export interface EntityManagerLike {
  readonly global: boolean;
  readonly config: { get(option: "allowGlobalContext"): boolean };
  getContext(validate?: boolean): EntityManagerLike;
  getUnitOfWork(useContext?: boolean): unknown;
  fork(options?: ForkOptions): EntityManagerLike;
  clear(): void;
  stream(...parts: unknown[]): AsyncIterable<unknown>;
}

interface ForkOptions {
  readonly clear?: boolean;
  readonly useContext?: boolean;
  readonly disableContextResolution?: boolean;
}

// oxlint-disable-next-line typescript/no-explicit-any -- the caller's class, whatever its constructor takes
export type EntityManagerClass = new (...parts: any[]) => EntityManagerLike;

type ScopeOfGuard = Pick<PostgresGuard<PgModule>, "partition" | "scope">;

/** Which entity manager serves which scope. A manager belongs to the partition it was first used in, for good. */
class Belongings {
  readonly #guard: ScopeOfGuard;
  readonly #pins = new WeakMap<EntityManagerLike, { scope: object; partition: string }>();
  readonly #contextual = new WeakSet<EntityManagerLike>();
  readonly #ofScopes = new WeakMap<EntityManagerLike, WeakMap<object, EntityManagerLike>>();

  constructor(guard: ScopeOfGuard) {
    this.#guard = guard;
  }

  /** Notes one that leads to others, by the context it is used in. */
  leads(em: EntityManagerLike): void {
    this.#contextual.add(em);
  }

  /** The one to use now for one that was found. Throws where that served another scope and leads to no other. */
  now(em: EntityManagerLike): EntityManagerLike {
    const scope = this.#guard.scope();
    if (scope === undefined) {
      if (this.#pins.has(em)) this.#refuse();
      return em;
    }
    if (!em.global && this.#take(em, scope)) return em;
    if (em.global || this.#contextual.has(em)) return this.#ofScope(em, scope);
    return this.#refuse();
  }

  /** The same for what reads no row of it: nothing is taken, nothing refused. */
  glance(em: EntityManagerLike): EntityManagerLike {
    const scope = this.#guard.scope();
    if (scope === undefined) return em;
    const known = this.#ofScopes.get(em)?.get(scope);
    if (known !== undefined || em.global) return known ?? em;
    const isAnothers = this.#pins.has(em) && !this.#take(em, scope);
    return isAnothers && this.#contextual.has(em) ? this.#ofScope(em, scope) : em;
  }

  /** Throws where it served another scope, itself. */
  assertOwn(em: EntityManagerLike): void {
    const scope = this.#guard.scope();
    if (scope === undefined ? this.#pins.has(em) : !em.global && !this.#take(em, scope)) {
      this.#refuse();
    }
  }

  #take(em: EntityManagerLike, scope: object): boolean {
    const pin = this.#pins.get(em);
    if (pin?.scope === scope) return true;
    const partition = this.#guard.partition();
    if (pin !== undefined) return pin.partition === partition;
    this.#pins.set(em, { scope, partition });
    return true;
  }

  #ofScope(em: EntityManagerLike, scope: object): EntityManagerLike {
    const known = this.#ofScopes.get(em) ?? new WeakMap<object, EntityManagerLike>();
    this.#ofScopes.set(em, known);
    const own = known.get(scope) ?? em.fork({ disableContextResolution: true });
    known.set(scope, own);
    this.#take(own, scope);
    return own;
  }

  #refuse(): never {
    // Throws first where there is no scope at all.
    this.#guard.partition();
    throw new PartywallError(
      "PW_UNIT_OF_WORK_SCOPE",
      "An EntityManager that served one scope was used in another, which it would have answered from the rows it holds, so nothing was read or sent. Use orm.em, which follows the scope, or fork one in the scope that uses it.",
    );
  }
}

/**
 * The caller's own EntityManager class, kept to scopes. The global one, and those of a `RequestContext`, lead to one of the
 * current scope's own; a fork throws `PW_UNIT_OF_WORK_SCOPE` where it served a scope that sees other rows.
 */
export function scopedEntityManager(
  Base: EntityManagerClass,
  guard: ScopeOfGuard,
): EntityManagerClass {
  const belongings = new Belongings(guard);
  let readsRows = true;

  function reading<T>(rows: boolean, run: () => T): T {
    const before = readsRows;
    readsRows = rows;
    try {
      return run();
    } finally {
      readsRows = before;
    }
  }

  class ScopedEntityManager extends Base {
    override getContext(validate = true): EntityManagerLike {
      const found = super.getContext(false);
      if (!readsRows) return belongings.glance(found);
      const own = belongings.now(found);
      if (validate && own.global && !this.config.get("allowGlobalContext")) {
        // Says that a scope is missing, before MikroORM says that its global manager was used.
        guard.partition();
        return super.getContext();
      }
      return own;
    }

    override getUnitOfWork(useContext = true): unknown {
      if (!useContext && readsRows) belongings.assertOwn(this);
      return super.getUnitOfWork(useContext);
    }

    override fork(options: ForkOptions = {}): EntityManagerLike {
      const takesRows = options.clear === false;
      const fork = reading(takesRows, () => super.fork(options));
      if (options.useContext === true) belongings.leads(fork);
      if (takesRows) belongings.assertOwn(fork);
      return fork;
    }

    override clear(): void {
      reading(false, () => super.clear());
    }

    override async *stream(...parts: unknown[]): AsyncGenerator {
      const own = this.getContext();
      for await (const row of super.stream(...parts)) {
        // Rows that were asked for in one scope are handed out in whichever asks for the next.
        belongings.assertOwn(own);
        yield row;
      }
    }
  }

  // Read wherever one is printed, which must not throw.
  Object.defineProperty(ScopedEntityManager.prototype, "id", {
    configurable: true,
    get(this: EntityManagerLike) {
      return reading(false, () => Reflect.get(Base.prototype as object, "id", this) as unknown);
    },
  });
  return ScopedEntityManager;
}
