import type { DrizzleFile } from "./drizzle-source.js";

/** Modules that decorators come from. */
export const DECORATORS = [
  "@mikro-orm/decorators/legacy",
  "@mikro-orm/decorators/es",
  "@mikro-orm/core",
];
/** Modules that schemas and definitions come from. */
export const CORE = ["@mikro-orm/core", "@mikro-orm/postgresql", "@mikro-orm/sql"];

/** The module that a file's decorators come from. */
export function decoratorModule({ program }: DrizzleFile): string {
  const modules = program.body.flatMap((one) =>
    one.type === "ImportDeclaration" ? [one.source.value] : [],
  );
  return DECORATORS.find((one) => modules.includes(one)) ?? DECORATORS[0]!;
}
