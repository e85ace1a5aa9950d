import type { MongoDocument } from "./mongodb-driver.js";
import type { TenantPatch, TenantRecord } from "./record.js";

/**
 * The place of an id in listings. Servers do not all compare text by its UTF-8 bytes; of these digits every order is the
 * same.
 */
export function orderOf(id: string): string {
  return Buffer.from(id).toString("hex");
}

/** A new record as it is kept. JSON stays text: names with dots and dollars, and numbers, come back as they were put in. */
export function documentOf(record: TenantRecord): MongoDocument {
  const { id, slug, name, status, placement, fields, settings, version, createdAt, updatedAt } =
    record;
  return {
    _id: id,
    order: orderOf(id),
    slug,
    name,
    domains: [],
    status,
    placement: JSON.stringify(placement),
    fields: JSON.stringify(fields),
    settings: JSON.stringify(settings),
    version,
    createdAt,
    updatedAt,
  };
}

/** What a patch sets in the document of a record. */
export function changesOf(patch: TenantPatch): MongoDocument {
  const { slug, name, domains, status, placement, fields, settings, updatedAt } = patch;
  const changes = {
    slug,
    name,
    domains: domains?.toSorted(),
    status,
    placement: placement === undefined ? undefined : JSON.stringify(placement),
    fields: fields === undefined ? undefined : JSON.stringify(fields),
    settings: settings === undefined ? undefined : JSON.stringify(settings),
    updatedAt,
  };
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
}

/** The record that a document holds; what is malformed in it is left to whoever checks records. */
export function recordOf(document: MongoDocument): TenantRecord {
  const { _id, slug, name, domains, status, placement, fields, settings } = document;
  const { version, createdAt, updatedAt } = document;
  return {
    id: _id,
    slug,
    name,
    domains,
    status,
    placement: parsed(placement),
    fields: parsed(fields),
    settings: parsed(settings),
    version,
    createdAt,
    updatedAt,
  } as TenantRecord;
}

function parsed(text: unknown): unknown {
  try {
    return typeof text === "string" ? (JSON.parse(text) as unknown) : text;
  } catch {
    // The parser's message would repeat the text. No JSON is a function, so whoever checks the record refuses it.
    return parsed;
  }
}
