import { existsSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../usage-error.js";
import type { Survey } from "./detect.js";

const ENDINGS = ["ts", "tsx", "mts", "cts", "js", "jsx", "mjs", "cjs"];

/** Gives a new file its path: in `src`, or beside the application's client, by the first of the names that is free. */
export type Place = (...names: string[]) => string;

/** Where the new files of a project go. Throws {@link UsageError} where every name is taken. */
export function placesIn({ detection, files, clients, modules, settings }: Survey): Place {
  const { folder } = detection;
  const client = clients.find(({ purpose }) => purpose === "application")?.path;
  const beside = client?.split("/").slice(0, -1).join("/") ?? "";
  const base = files.paths.some((path) => path.startsWith("src/")) ? "src" : beside;
  const pathOf = (name: string): string => (base === "" ? name : `${base}/${name}`);
  // A folder of that name counts: what is imported from `./tenancy` could be either.
  const isTaken = (path: string): boolean =>
    ["", ...ENDINGS.map((ending) => `.${ending}`)].some((ending) =>
      existsSync(join(folder, `${path}${ending}`)),
    );
  // There `partywall` would be looked for as a file before it is looked for as a package.
  const hides = (name: string): boolean =>
    name === "partywall" && settings?.baseUrl === join(folder, base);
  return (...names) => {
    const free = names.find((name) => !isTaken(pathOf(name)) && !hides(name));
    if (free !== undefined) return `${pathOf(free)}.${modules.extension}`;
    throw new UsageError(
      `${names.map((name) => pathOf(name)).join(" and ")} are taken in ${folder}, so there is no name for a new file. Rename one of them.`,
    );
  };
}
