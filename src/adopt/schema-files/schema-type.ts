import type { DrizzleFile } from "./drizzle-source.js";
import { placeOf, type Expression, type Place } from "./syntax.js";
import { indentAt, lineEnd } from "./text-edits.js";

/** The type that a schema is of, as it is named: `Shipment` of `new EntitySchema<Shipment>()`. */
export function schemaTypeOf(node: Expression, text: string): string | undefined {
  if (node.type !== "NewExpression" && node.type !== "CallExpression") return undefined;
  const given = node.typeParameters ?? node.typeArguments;
  if (!given) return undefined;
  const { start, end } = placeOf(given);
  return text.slice(start + 1, end - 1).trim();
}

/** Adds a property to an interface or object type at the file's top. Gives false where there is none of that name. */
export function addToType(file: DrizzleFile, name: string, property: string): boolean {
  const { program, edits, text } = file;
  for (const statement of program.body) {
    const node = statement.type === "ExportNamedDeclaration" ? statement.declaration : statement;
    let body: Place | undefined;
    let last: Place | undefined;
    if (node?.type === "TSInterfaceDeclaration" && node.id.name === name) {
      body = placeOf(node.body);
      last = node.body.body.at(-1) && placeOf(node.body.body.at(-1)!);
    } else if (
      node?.type === "TSTypeAliasDeclaration" &&
      node.id.name === name &&
      node.typeAnnotation.type === "TSTypeLiteral"
    ) {
      body = placeOf(node.typeAnnotation);
      last = node.typeAnnotation.members.at(-1) && placeOf(node.typeAnnotation.members.at(-1)!);
    }
    if (body === undefined) continue;
    const code = `readonly ${property}?: string;`;
    if (text.slice(body.start, body.end).includes(`readonly ${property}?:`)) return true;
    if (last && text.slice(last.start, body.end).includes("\n")) {
      edits.insert(last.end, `${lineEnd(text)}${indentAt(text, last.start)}${code}`);
    } else {
      const separator = last && !/[;,]$/.test(text.slice(last.start, last.end)) ? ";" : "";
      edits.insert(last?.end ?? body.start + 1, `${separator} ${code}`);
    }
    return true;
  }
  return false;
}
