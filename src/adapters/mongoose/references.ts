import type { ModelReference, ReferenceEnd } from "../../guards/mongodb/index.js";
import type { DescribedModel, DescribedSchema, DescribedType } from "./models.js";

/** The paths that `ref`, `refPath` and populated virtuals of models name, and where they lead. */
export function referencesOf(models: readonly DescribedModel[]): ModelReference[] {
  return models.flatMap((model) => [
    ...ofSchema(model.schema, "", model, models, []),
    ...ofVirtuals(model, models),
  ]);
}

function ofSchema(
  schema: DescribedSchema,
  before: string,
  model: DescribedModel,
  models: readonly DescribedModel[],
  around: readonly DescribedSchema[],
): ModelReference[] {
  // A schema may hold itself; what is deeper has the same paths again.
  if (around.includes(schema)) return [];
  const found: ModelReference[] = [];
  schema.eachPath((name, type) => {
    const path = before + name;
    found.push(...ofType(type, path, model, models));
    const { schema: inner } = type;
    if (inner === undefined) return;
    for (const each of [inner, ...Object.values(inner.discriminators ?? {})]) {
      found.push(...ofSchema(each, `${path}.`, model, models, [...around, schema]));
    }
  });
  return found;
}

function ofType(
  type: DescribedType,
  path: string,
  model: DescribedModel,
  models: readonly DescribedModel[],
): ModelReference[] {
  const { ref, refPath } = type.options ?? {};
  const from = { collection: model.collection.collectionName, path };
  // Each document says which model it means; what the tenant has in one of them does not cross.
  if (refPath !== undefined) return [{ from, to: models.map((one) => idOf(one)) }];
  if (ref !== undefined) return [{ from, to: targetOf(ref, models) }];
  const { embeddedSchemaType: element = type.caster } = type;
  return element === undefined ? [] : ofType(element, path, model, models);
}

// What `{ ref: "Post", localField: "_id", foreignField: "author" }` finds is in the other collection.
function ofVirtuals(
  { schema, collection }: DescribedModel,
  models: readonly DescribedModel[],
): ModelReference[] {
  return Object.values(schema.virtuals).flatMap(({ options = {} }): ModelReference[] => {
    const { ref, localField, foreignField } = options;
    if (ref === undefined || ref === null) return [];
    const to = { collection: collection.collectionName, path: String(localField) };
    const other = targetOf(ref, models)?.[0];
    if (other === undefined || typeof localField !== "string" || typeof foreignField !== "string") {
      return [{ from: to, to: undefined }];
    }
    return [{ from: { collection: other.collection, path: foreignField }, to: [to] }];
  });
}

function targetOf(ref: unknown, models: readonly DescribedModel[]): ReferenceEnd[] | undefined {
  const name: unknown =
    typeof ref === "string" ? ref : Reflect.get(Object(ref) as object, "modelName");
  const target = models.find(({ modelName }) => modelName === name);
  return target === undefined ? undefined : [idOf(target)];
}

const idOf = ({ collection }: DescribedModel): ReferenceEnd => ({
  collection: collection.collectionName,
  path: "_id",
});
