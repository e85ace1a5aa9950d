import { bind, bindingOfModel, type Binding } from "./binding.js";
import { boundCollection } from "./bound-collection.js";
import { boundConnection } from "./bound-connection.js";
import type { MongooseModel } from "./native.js";

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** What a model does in more than one step, hooks of the application among them: all of it runs in the scope. */
const ENTERED_STATICS =
  `bulkSave bulkWrite cleanIndexes create createCollection createIndexes createSearchIndex createSearchIndexes diffIndexes
   dropSearchIndex ensureIndexes findAndCount insertMany insertOne listIndexes listSearchIndexes populate startSession
   syncIndexes updateSearchIndex`.split(/\s+/);
const ENTERED_METHODS = ["save", "$save"];

const bases = new WeakMap<object, MongooseModel>();

/** The model that a bound model was made of; any other is its own. */
const baseOf = (model: MongooseModel): MongooseModel => bases.get(model) ?? model;

/**
 * The bound models of one scope: a subclass of each model, whose operations and those of its documents run in that scope. Made
 * once for each model, and with it the models it leads to: discriminators, and those of its connection.
 */
export class BoundModels {
  readonly #binding: Binding;
  readonly #collection: { readonly prototype: object };
  readonly #adorn: (bound: MongooseModel, base: MongooseModel) => void;
  readonly #bound = new WeakMap<MongooseModel, MongooseModel>();

  constructor(
    binding: Binding,
    collection: { readonly prototype: object },
    adorn: (bound: MongooseModel, base: MongooseModel) => void,
  ) {
    this.#binding = binding;
    this.#collection = collection;
    this.#adorn = adorn;
  }

  /** The bound model of a model. */
  of(model: MongooseModel): MongooseModel {
    const base = baseOf(model);
    const known = this.#bound.get(base);
    if (known !== undefined) return known;
    const bound = this.#subclass(base);
    this.#bound.set(base, bound);
    return bound;
  }

  /** A collection whose operations run in the scope. */
  collection(collection: object): object {
    return boundCollection(collection, this.#binding, this.#collection);
  }

  #subclass(base: MongooseModel): MongooseModel {
    const of = (model: MongooseModel) => this.of(model);
    const binding = this.#binding;
    const bound = class extends base {
      // oxlint-disable-next-line typescript/no-explicit-any -- whatever the model takes
      constructor(...args: any[]) {
        super(...args);
        // Mongoose makes a document of the discriminator that the document's own key names.
        if (!(this instanceof bound)) {
          Object.setPrototypeOf(this, of((this as object).constructor as MongooseModel).prototype);
        }
      }

      /** A document of a bound discriminator is one of the bound model. */
      static override [Symbol.hasInstance](value: unknown): boolean {
        if (typeof value !== "object" || value === null) return false;
        const own = this === bound ? base.prototype : this.prototype;
        return (
          Object.prototype.isPrototypeOf.call(own, value) &&
          bindingOfModel(value.constructor) === binding
        );
      }
    };
    bases.set(bound, base);
    bind(bound, this.#binding);
    const collection = this.collection(base.collection);
    const db = boundConnection(base.db, this);
    fix(bound, { db, collection, $__collection: collection });
    for (const key of Reflect.ownKeys(base.prototype)) {
      const value: unknown = Reflect.getOwnPropertyDescriptor(base.prototype, key)?.value;
      if (value === base.collection) fix(bound.prototype, { [key]: collection });
      if (value === base.db) fix(bound.prototype, { [key]: db });
    }
    this.#lead(bound, base);
    this.#enter(bound, base, ENTERED_STATICS);
    this.#enter(bound.prototype, base.prototype, ENTERED_METHODS);
    this.#adorn(bound, base);
    return bound;
  }

  #lead(bound: MongooseModel, base: MongooseModel): void {
    const discriminators = () =>
      base.discriminators &&
      Object.fromEntries(
        Object.entries(base.discriminators).map(([name, one]) => [name, this.of(one)]),
      );
    for (const target of [bound, bound.prototype])
      Object.defineProperty(target, "discriminators", { get: discriminators, configurable: true });
    fix(bound, {
      discriminator: (...args: unknown[]) =>
        this.of(Reflect.apply(base.discriminator as Method, base, args) as MongooseModel),
    });
  }

  #enter(target: object, base: object, names: readonly string[]): void {
    const binding = this.#binding;
    for (const name of names) {
      const own: unknown = Reflect.get(base, name);
      if (typeof own !== "function") continue;
      const entered: Method = function (...args) {
        return binding.enter(() => Reflect.apply(own as Method, this, args));
      };
      Object.defineProperty(target, name, { value: entered, writable: true, configurable: true });
    }
  }
}

/** Defines what nothing may put another value over: what is sent by it would not be in the scope. */
function fix(target: object, values: Record<PropertyKey, unknown>): void {
  for (const key of Reflect.ownKeys(values))
    Object.defineProperty(target, key, { value: values[key as string], enumerable: true });
}
