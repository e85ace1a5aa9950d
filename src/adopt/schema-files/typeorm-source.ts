import { decoratedClasses } from "./decorated-class.js";
import { DrizzleImports } from "./drizzle-imports.js";
import type { DrizzleFile } from "./drizzle-source.js";
import type { Say } from "./notes.js";
import { lineAt, type SchemaNote } from "./text-edits.js";
import { classEntity } from "./typeorm-class.js";
import type { TypeormEntity } from "./typeorm-model.js";
import { schemaEntity, schemas } from "./typeorm-schema.js";
import { MODULES } from "./typeorm-syntax.js";

/** Reads the entities of files, and notes what is one but cannot be read. */
export function readTypeorm(
  files: readonly DrizzleFile[],
  note: (note: SchemaNote) => void,
): TypeormEntity[] {
  const read = files.map((file) => {
    const imports = new DrizzleImports(file);
    return { file, imports, classes: decoratedClasses(file, imports, MODULES) };
  });
  const classes = read.flatMap((one) => one.classes);
  return read.flatMap(({ file, imports, classes: own }) => {
    const say: Say = (place, object, text) =>
      note({ path: file.path, line: lineAt(file.text, place.start), object, text });
    return [
      ...own.flatMap((node) => classEntity(node, imports, classes, say) ?? []),
      ...schemas(file, imports).flatMap(
        ([name, object, type]) => schemaEntity(file, imports, name, object, type, say) ?? [],
      ),
    ];
  });
}
