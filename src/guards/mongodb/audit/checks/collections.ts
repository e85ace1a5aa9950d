import type { MongoDocument } from "../../driver.js";
import type { Check, Found, NotSeen } from "../check.js";
import type { AuditedCollection } from "../collections.js";
import type { Look } from "../look.js";
import { commandOn } from "../mongosh.js";

const kind =
  (is: (collection: AuditedCollection, look: Look) => boolean): Check["find"] =>
  async (look) => {
    const all = await look.shared();
    return all
      .filter((collection) => is(collection, look))
      .map(({ namespace }) => ({ object: namespace }));
  };

/** Kinds of collections that keep tenants less apart. */
export const collectionChecks: readonly Check[] = [
  {
    code: "view",
    severity: "high",
    why: "{object} is a view, whose own pipeline the guard does not see: it refuses it outside system scopes, and where `views` of guardMongo() vouches for it matches the tenant on what it gives, whatever it joins, groups or counts.",
    fix: "Put its pipeline into the aggregations that use it, and drop the view; or read it in system scopes only.",
    find: kind(({ type }) => type === "view"),
  },
  {
    code: "capped-collection",
    severity: "medium",
    why: "{object} is capped: what one tenant writes removes the oldest documents of others.",
    fix: "Keep the documents in a collection that is not capped, with an index that expires them.",
    find: kind(({ options }) => options["capped"] === true),
  },
  {
    code: "time-series-tenant",
    severity: "low",
    why: "{object} is a time series whose metaField is not the tenant field: before MongoDB 7 a tenant cannot delete or change in it, and its buckets mix tenants.",
    fix: "Make it anew with the tenant field as metaField.",
    find: kind(({ type, options }, { subject }) => {
      const { metaField } = (options["timeseries"] ?? {}) as MongoDocument;
      return type === "timeseries" && metaField !== subject.field;
    }),
  },
  {
    code: "validator-missing",
    severity: "low",
    why: "{object} has no validator that asks for the tenant field: what is written to it without the guard may have no tenant.",
    fix: "Let a validator ask for the field.",
    find: async (look) => {
      if (!(await look.isMongod())) {
        return [{ object: "validators", unseen: "whether this server has them is not known" }];
      }
      return (await look.shared()).flatMap((collection) => lackingValidator(look, collection));
    },
  },
];

function lackingValidator(
  { subject }: Look,
  { database, name, namespace, type, options }: AuditedCollection,
): (Found | NotSeen)[] {
  const { validator, validationLevel, validationAction } = options;
  if (type !== "collection") return [];
  const enforced = validationLevel !== "off" && validationAction !== "warn";
  if (enforced && asksFor(validator, subject.field)) return [];
  const asking = { $jsonSchema: { required: [subject.field] } };
  const mongosh = commandOn(database, {
    collMod: name,
    validator: validator === undefined ? asking : { $and: [validator, asking] },
    ...(enforced ? {} : { validationLevel: "strict", validationAction: "error" }),
  });
  return [mongosh === undefined ? { object: namespace } : { object: namespace, mongosh }];
}

function asksFor(validator: unknown, field: string): boolean {
  if (typeof validator !== "object" || validator === null) return false;
  const { $jsonSchema, $and } = validator as MongoDocument;
  const { required } = Object($jsonSchema) as { required?: unknown };
  if (Array.isArray(required) && required.includes(field)) return true;
  return Array.isArray($and) && $and.some((one) => asksFor(one, field));
}
