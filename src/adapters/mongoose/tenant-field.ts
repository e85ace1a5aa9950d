import type { MongoGuard } from "../../guards/mongodb/index.js";
import type { MongooseDocument, MongooseInternals } from "./native.js";

/**
 * Lets documents in memory show the tenant that the guard stored with them, whether their schema has the field or not. The
 * guard stamps what is sent; nothing here keeps tenants apart.
 */
export function showTenant(guard: MongoGuard, mongoose: MongooseInternals): void {
  const field = guard.tenantField;
  const show = (document: unknown) => {
    const value = guard.tenantValue();
    if (value === undefined || typeof document !== "object" || document === null) return;
    if (isDocument(document)) showIn(document, field, value);
    else if (!Object.hasOwn(document, field)) Reflect.set(document, field, value);
  };
  mongoose.plugin((schema) => {
    schema.post("save", show);
    schema.post("insertMany", (documents) => {
      if (Array.isArray(documents)) documents.forEach(show);
    });
  });
}

function showIn(document: MongooseDocument, field: string, value: unknown): void {
  // Plugins reach the schemas of subdocuments too, and they belong to their document.
  if (document.$isSubdocument === true || document.get(field) !== undefined) return;
  document.set(field, value, { strict: false });
  document.unmarkModified(field);
}

function isDocument(value: object): value is MongooseDocument {
  return typeof Reflect.get(value, "unmarkModified") === "function";
}
