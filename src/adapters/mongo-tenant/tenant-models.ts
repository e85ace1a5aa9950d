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
    const models = this.#bound({ enter: (fn) => this.#guard.run(id, fn) }, (target, settings) => {
      fix(target, "hasTenantContext", true);
      fix(target, settings.tenantIdGetter, () => name);
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
    return (this.#all ??= this.#bound({ enter }, (target) => {
      fix(target, "hasTenantContext", false);
    }));
  }

  #bound(binding: Binding, describe: (target: object, settings: Settings) => void): BoundModels {
    return new BoundModels(binding, this.#collection, (bound, base) => {
      // A model without the plugin has no methods of it, and is bound all the same.
      const settings = settingsOfModel(base);
      if (settings === undefined) return;
      for (const target of [bound, bound.prototype]) describe(target, settings);
      if (settings.overwriteTenantId) overwriteInBulk(bound, settings.tenantIdKey);
    });
  }
}

const fix = (target: object, key: string, value: unknown): unknown =>
  Object.defineProperty(target, key, { value, configurable: true });

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
