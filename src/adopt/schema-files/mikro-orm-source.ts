import { decoratedClasses } from "./decorated-class.js";
import { DrizzleImports } from "./drizzle-imports.js";
import type { DrizzleFile } from "./drizzle-source.js";
import { classEntity } from "./mikro-orm-class.js";
import { definedEntity, definitions } from "./mikro-orm-definition.js";
import type { MikroEntity } from "./mikro-orm-model.js";
import { CORE, DECORATORS } from "./mikro-orm-modules.js";
import type { Say } from "./notes.js";
import { lineAt, type SchemaNote } from "./text-edits.js";

/** Reads the entities of files, and notes what is one but cannot be read. */
export function readMikroOrm(
  files: readonly DrizzleFile[],
  note: (note: SchemaNote) => void,
): MikroEntity[] {
  const read = files.map((file) => {
    const imports = new DrizzleImports(file);
    return { file, imports, classes: decoratedClasses(file, imports, [...DECORATORS, ...CORE]) };
  });
  const classes = read.flatMap((one) => one.classes);
  return read.flatMap(({ file, imports, classes: own }) => {
    const say: Say = (place, object, text) =>
      note({ path: file.path, line: lineAt(file.text, place.start), object, text });
    return [
      ...own.flatMap((node) => classEntity(node, imports, classes, say) ?? []),
      ...definitions(file, imports).flatMap(
        ([name, given, type]) => definedEntity(file, imports, name, given, type, say) ?? [],
      ),
    ];
  });
}
