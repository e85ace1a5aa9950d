import type { MongooseModel } from "../mongoose/native.js";

type Fields = Readonly<Record<string, unknown>>;
type Method = (this: unknown, ...args: unknown[]) => unknown;

/** The parts of an update that set fields. The others change what is there, which the guard refuses. */
const SETTING = ["$set", "$setOnInsert"] as const;

/** An update or a document without a tenant of its own, so that it gets the one it is written by. */
export function withoutTenant(update: unknown, field: string): unknown {
  if (!isFields(update)) return update;
  const rest = without(update, field);
  const operators = SETTING.filter((name) => isFields(rest[name])).map((name) => [
    name,
    without(rest[name] as Fields, field),
  ]);
  return { ...rest, ...(Object.fromEntries(operators) as Fields) };
}

/** Takes the tenants out of what is written in bulk by a bound model. */
export function overwriteInBulk(bound: MongooseModel, field: string): void {
  const each = (list: unknown, change: (one: unknown) => unknown) =>
    Array.isArray(list) ? list.map(change) : change(list);
  wrap(bound, "insertMany", (documents) => each(documents, (one) => withoutTenant(one, field)));
  wrap(bound, "bulkWrite", (list) => each(list, (one) => operation(one, field)));
}

function operation(one: unknown, field: string): unknown {
  if (!isFields(one)) return one;
  return Object.fromEntries(
    Object.entries(one).map(([name, body]) => {
      if (!isFields(body)) return [name, body];
      const parts = ["document", "replacement", "update"].filter((part) => part in body);
      const changed = parts.map((part) => [part, withoutTenant(body[part], field)]);
      return [name, { ...body, ...(Object.fromEntries(changed) as Fields) }];
    }),
  );
}

function wrap(bound: MongooseModel, name: string, change: (first: unknown) => unknown): void {
  const own = Reflect.get(bound, name) as Method;
  const value: Method = function (first, ...rest) {
    return Reflect.apply(own, this, [change(first), ...rest]);
  };
  Object.defineProperty(bound, name, { value, writable: true, configurable: true });
}

function without(fields: Fields, field: string): Fields {
  const { [field]: _, ...rest } = fields;
  return rest;
}

/** Documents of Mongoose's are left to its hooks. */
function isFields(value: unknown): value is Fields {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
