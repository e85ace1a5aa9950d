import { PartywallError } from "../../errors.js";
import type { MongoGuard } from "../../guards/mongodb/index.js";
import type { Binding } from "../mongoose/binding.js";
import { BoundModels } from "../mongoose/bound-models.js";
import { guardOfModel } from "../mongoose/guards.js";
import type { MongooseModel } from "../mongoose/native.js";
import { settingsOfModel } from "./description.js";
import type { Settings } from "./options.js";
import { overwriteInBulk } from "./overwrite.js";

interface Mongo {
  readonly mongo: { readonly Collection: { readonly prototype: object } };
}

/** The bound models of one Mongoose instance: of each tenant, and of all. */
class TenantModels {
  readonly #guard: MongoGuard;
  readonly #collection: { readonly prototype: object };
  readonly #byTenant = new Map<string, WeakRef<BoundModels>>();
  readonly #gone = new FinalizationRegistry<string>((id) => {
    if (this.#byTenant.get(id)?.deref() === undefined) this.#byTenant.delete(id);
  });
  #all: BoundModels | undefined;

  constructor(guard: MongoGuard, { mongo }: Mongo) {
    this.#guard = guard;
    this.#collection = mongo.Collection;
  }

  /**
   * The models of the tenant with an id, which the application calls `name`. Kept for as long as somebody keeps one of them: what
   * is asked for may be any text of a request.
   */
  byTenant(id: string, name: unknown): BoundModels {
    this.#guard.assertMayRun(id);
    const known = this.#byTenant.get(id)?.deref();
    if (known !== undefined) return known;
    const binding = { enter: <T>(fn: () => T) => this.#guard.run(id, fn) };
    const models = this.#bound(binding, (bound, settings) => {
      describe(bound, { hasTenantContext: true, [settings.tenantIdGetter]: () => name });
      if (settings.overwriteTenantId) overwriteInBulk(bound, settings.tenantIdKey);
    });
    this.#byTenant.set(id, new WeakRef(models));
    this.#gone.register(models, id);
    return models;
  }

  /** The models of all tenants. */
  all(): BoundModels {
    const enter = async <T>(fn: () => T): Promise<Awaited<T>> => {
      this.#guard.assertInSystem();
      return await fn();
    };
    return (this.#all ??= this.#bound({ enter }, (bound) => {
      describe(bound, { hasTenantContext: false });
    }));
  }

  #bound(binding: Binding, adorn: (bound: MongooseModel, settings: Settings) => void): BoundModels {
    return new BoundModels(binding, this.#collection, (bound, base) => {
      const settings = settingsOfModel(base);
      // A model without the plugin has no methods of it, and is bound all the same.
      if (settings !== undefined) adorn(bound, settings);
    });
  }
}

/** Gives properties to a model and its documents. */
function describe(bound: MongooseModel, values: Readonly<Record<string, unknown>>): void {
  for (const target of [bound, bound.prototype])
    for (const [key, value] of Object.entries(values))
      Object.defineProperty(target, key, { value, configurable: true });
}

const instances = new WeakMap<object, TenantModels>();

/** The bound models of the instance that a model is of. Throws `PW_CONFIG` where it is not over a guard. */
export function tenantModelsOf(model: MongooseModel): TenantModels {
  const known = instances.get(model.base);
  if (known !== undefined) return known;
  const models = new TenantModels(guardOver(model), model.base as unknown as Mongo);
  instances.set(model.base, models);
  return models;
}

/** The guard that a model is over. Throws `PW_CONFIG` where there is none. */
export function guardOver(model: MongooseModel): MongoGuard {
  const guard = guardOfModel(model);
  if (guard !== undefined) return guard;
  throw new PartywallError(
    "PW_CONFIG",
    `The model ${model.modelName} has the plugin mongoTenant and is not over the guard, so nothing would keep its tenants apart. Call guardMongoose(pw.mongodb, mongoose) before models are made; where there is one tenant only, give the plugin { enabled: false }.`,
  );
}
