import type { CommandOptions, MongoDocument, MongoInternals } from "./driver.js";

/** A command with plain arrays where documents would travel in sections of their own, and the names of those fields. */
export function withoutSequences(
  { DocumentSequence }: MongoInternals,
  command: MongoDocument,
): { readonly command: MongoDocument; readonly fields: readonly string[] } {
  const fields: string[] = [];
  for (const key of Object.keys(command))
    if (command[key] instanceof DocumentSequence) fields.push(key);
  if (fields.length === 0) return { command, fields };
  const plain = { ...command };
  for (const field of fields) {
    plain[field] = (command[field] as InstanceType<typeof DocumentSequence>).documents;
  }
  return { command: plain, fields };
}

/** Lets the named fields travel in sections again, where a message holds three times as much. */
export function withSequences(
  { DocumentSequence, serialize }: MongoInternals,
  command: MongoDocument,
  fields: readonly string[],
  { checkKeys = false, serializeFunctions = false, ignoreUndefined = false }: CommandOptions,
): MongoDocument {
  if (fields.length === 0) return command;
  const sent = { ...command };
  for (const field of fields) {
    const documents = sent[field];
    if (!Array.isArray(documents)) continue;
    const sequence = new DocumentSequence(field);
    for (const document of documents as MongoDocument[]) {
      sequence.push(
        document,
        serialize(document, { checkKeys, serializeFunctions, ignoreUndefined }),
      );
    }
    sent[field] = sequence;
  }
  return sent;
}
