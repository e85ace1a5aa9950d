import { PartywallError } from "../../errors.js";
import type { MongoGuard } from "../../guards/mongodb/index.js";
import type { MongooseBuilder, MongooseInternals } from "./native.js";

type InScope = ReturnType<MongoGuard["keepScope"]>;
type Method = (this: object, ...args: unknown[]) => unknown;

/**
 * Lets each Query and Aggregate run in the scope it was built in. Mongoose has no hook for that; what it calls while it
 * builds one is where the scope is kept, and what sends it is where that scope is opened again.
 */
export function keepWhereBuilt(guard: MongoGuard, mongoose: MongooseInternals): void {
  const scopes = new WeakMap<object, InScope>();
  const note = (built: object) => {
    if (!scopes.has(built)) scopes.set(built, guard.keepScope());
  };
  // The constructor of a Query calls the first, for whatever a model makes; the others are called as an Aggregate is begun.
  onCall(mongoose.Query.prototype, "collection", note);
  onCall(mongoose.Aggregate.prototype, "append", note);
  onCall(mongoose.Aggregate.prototype, "model", note);
  for (const { prototype } of [mongoose.Query, mongoose.Aggregate]) inScope(prototype, scopes);
}

function onCall(prototype: object, name: string, note: (built: object) => void): void {
  const original = methodOf(prototype, name);
  replace(prototype, name, function (...args) {
    note(this);
    return original.apply(this, args);
  });
}

function inScope(prototype: MongooseBuilder, scopes: WeakMap<object, InScope>): void {
  const exec = methodOf(prototype, "exec");
  replace(prototype, "exec", async function (...args) {
    const within = scopes.get(this);
    const run = async () => exec.apply(this, args);
    return within === undefined ? run() : within(run);
  });
  const cursor = methodOf(prototype, "cursor");
  replace(prototype, "cursor", function (...args) {
    const within = scopes.get(this);
    const open = () => cursor.apply(this, args);
    return within === undefined ? open() : within(open);
  });
}

function methodOf(prototype: object, name: string): Method {
  const method: unknown = Reflect.get(prototype, name);
  if (typeof method === "function") return method as Method;
  throw new PartywallError(
    "PW_CONFIG",
    `This is not a Mongoose that guardMongoose() knows: it lacks ${name}(). Pass Mongoose 8.24 or later, or 9.`,
  );
}

function replace(prototype: object, name: string, method: Method): void {
  Object.defineProperty(prototype, name, { value: method, writable: true, configurable: true });
}
