import type { ModuleFile } from "./module-files.js";
import { bare, keyOf, placeOf, type Class, type ClassMember, type Expression } from "./syntax.js";
import { nodesOf } from "./tree.js";

export type Field = Extract<ClassMember, { type: "ClassProperty" }>;

/** The classes of a file. */
export function classesOf({ program }: ModuleFile): Class[] {
  return [...nodesOf(program)].filter(
    (node) => node.type === "ClassDeclaration" || node.type === "ClassExpression",
  );
}

/** A static member that holds a value: a property, or a getter that gives back what is written out. */
export interface StaticMember {
  readonly member: ClassMember;
  readonly value: Expression | undefined;
  readonly isGetter: boolean;
}

export function staticMember({ body }: Class, name: string): StaticMember | undefined {
  for (const member of body.body) {
    if (member.type === "ClassProperty" && member.static && keyOf(member) === name) {
      return { member, value: member.value ? bare(member.value) : undefined, isGetter: false };
    }
    if (member.type !== "ClassMethod" || !member.static || keyOf(member) !== name) continue;
    const last = member.body.body.at(-1);
    const given = last?.type === "ReturnStatement" ? last.argument : undefined;
    return { member, value: given ? bare(given) : undefined, isGetter: true };
  }
  return undefined;
}

/** Fields that instances have, with a type. */
export function fieldsOf({ body }: Class): Field[] {
  return body.body.filter(
    (member): member is Field =>
      member.type === "ClassProperty" && !member.static && Boolean(member.typeAnnotation),
  );
}

/** A further field, written as another is: `declare`, `public`, `!`. */
export function fieldCode(
  file: ModuleFile,
  like: Field | undefined,
  key: string,
  type: string,
): string {
  if (like === undefined) return `declare ${key}: ${type}`;
  const { start } = placeOf(like);
  const from = like.decorators?.at(-1) ? placeOf(like.decorators.at(-1)!).end : start;
  const before = file.text
    .slice(from, placeOf(like.key).start)
    .trimStart()
    .replace("readonly ", "");
  const isSure = like.declare !== true && (like.definite === true || like.optional === true);
  return `${before}${key}${isSure ? "!" : ""}: ${type}`;
}
