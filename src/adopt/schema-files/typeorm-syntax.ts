import type { OptionsPlace } from "./option-edits.js";
import { propertyOf, returned, stringOf, type Expression } from "./syntax.js";
import type { TypeormJoinColumn } from "./typeorm-model.js";

/** Modules that decorators and schemas come from. */
export const MODULES = ["typeorm"];

/** Join columns of a join table: `joinColumn`, or each of `joinColumns`. */
export function joinColumnsOf(table: OptionsPlace, one: "joinColumn" | "inverseJoinColumn") {
  const single = propertyOf(table.object, one);
  const several = propertyOf(table.object, `${one}s`);
  const objects = single?.type === "ObjectExpression" ? [single] : objectsOf(several);
  return objects.map((object) => joinColumn({ object, inside: undefined, behind: undefined }));
}

/** A join column as its options have it. */
export const joinColumn = (options: OptionsPlace): TypeormJoinColumn => ({
  name: stringOf(propertyOf(options.object, "name")),
  referenced: stringOf(propertyOf(options.object, "referencedColumnName")),
  options,
});

/** The objects of a list. */
export const objectsOf = (node: Expression | undefined) =>
  node?.type === "ArrayExpression"
    ? node.elements.flatMap((one) => (one?.type === "ObjectExpression" ? [one] : []))
    : [];

/** The properties that a list names: `["a", "b"]`, `(one) => [one.a, one.b]`. */
export function namesOf(list: Expression): string[] | undefined {
  const array = list.type === "ArrayExpression" ? list : returned(list);
  if (array?.type !== "ArrayExpression") return undefined;
  const names = array.elements.map((one) =>
    one?.type === "MemberExpression" && one.property.type === "Identifier" && !one.computed
      ? one.property.name
      : one?.type === "StringLiteral"
        ? one.value
        : undefined,
  );
  return names.includes(undefined) ? undefined : (names as string[]);
}

/** The entity that is named as a relation's other end. */
export function nameOf(target: Expression): string | undefined {
  const node = returned(target) ?? target;
  if (node.type === "Identifier") return node.name;
  return stringOf(node);
}

const isLiteral = ({ object }: OptionsPlace, key: string, value: boolean) => {
  const node = propertyOf(object, key);
  return node?.type === "BooleanLiteral" && node.value === value;
};
/** Whether an option is `true`. */
export const isTrue = (options: OptionsPlace, key: string) => isLiteral(options, key, true);
/** Whether an option is `false`. */
export const isFalse = (options: OptionsPlace, key: string) => isLiteral(options, key, false);
