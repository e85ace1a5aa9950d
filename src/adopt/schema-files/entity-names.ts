import type { Table } from "../schema.js";
import { camelCase } from "./names.js";

/** `order_line`, of `OrderLine`. */
export const snakeCase = (name: string) =>
  name.replaceAll(/(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/g, "_").toLowerCase();

/** What a column is called in the database: as it is written, or as the usual naming strategies make it of a property. */
export function columnName(
  { name, property }: { readonly name: string | undefined; readonly property: string },
  table: Table | undefined,
): string {
  const names = [name ?? property, snakeCase(property)];
  return names.find((one) => table?.columns.some((column) => column.name === one)) ?? names[0]!;
}

/** A property for a column, in the way the others are written, that none of them has. */
export function newProperty(column: string, taken: readonly string[]): string {
  const isSnake =
    taken.some((one) => one.includes("_")) && !taken.some((one) => /[a-z][A-Z]/.test(one));
  const wanted = isSnake ? column.replaceAll(/[^\p{L}\p{N}_$]/gu, "_") : camelCase(column);
  let property = wanted;
  for (let n = 2; taken.includes(property); n += 1) property = `${wanted}${n}`;
  return property;
}
