import { bare, keyOf, stringOf, type Expression } from "../../adopt/schema-files/syntax.js";
import { nodesOf } from "../../adopt/schema-files/tree.js";
import type { SourceFile } from "./source-file.js";

/** What the options of a pool come to. */
export interface PoolOptions {
  /** Options that the guard's pool gets too, as they were written: `max` to `20`. */
  readonly kept: ReadonlyMap<string, string>;
  /** The environment variable that the address came from, where there is one. */
  readonly variable: string | undefined;
}

/** Why the options of a pool cannot be carried to another file. */
export interface NotPortable {
  readonly why: string;
}

// The address of a login says all of these, and wins over them.
const ADDRESS = new Set(["connectionString", "host", "port", "user", "password", "database"]);
// Whoever replaces the client replaces what the guard puts in its place.
const REFUSED = new Set(["Client", "Promise", "types", "stream"]);
const GLOBALS = new Set([
  "process",
  "undefined",
  "Number",
  "String",
  "Boolean",
  "parseInt",
  "Infinity",
]);

/** Reads what `new Pool(…)` or the like is given: nothing, an address, or an object that is written out. */
export function readPoolOptions(
  argument: Expression | undefined,
  file: SourceFile,
): PoolOptions | NotPortable {
  const none = new Map<string, string>();
  if (argument === undefined) return { kept: none, variable: undefined };
  const value = file.names.valueOf(argument);
  if (value.type !== "ObjectExpression") {
    const variable = environmentVariable(value, file);
    const isText = value.type === "StringLiteral" || value.type === "TemplateLiteral";
    if (variable !== undefined || isText) return { kept: none, variable };
    return { why: "what it is given is not written out in this file" };
  }
  const kept = new Map<string, string>();
  let variable: string | undefined;
  for (const property of value.properties) {
    const key = property.type === "ObjectProperty" ? keyOf(property) : undefined;
    if (property.type !== "ObjectProperty" || key === undefined) {
      return { why: "its options are put together from others" };
    }
    if (REFUSED.has(key)) return { why: `its option ${key} exchanges a part of the driver` };
    const given = property.value as Expression;
    if (ADDRESS.has(key)) {
      if (key === "connectionString") variable = environmentVariable(given, file);
    } else {
      const closed = file.names.valueOf(given);
      const name = unknownName(closed);
      if (name !== undefined)
        return { why: `its option ${key} depends on ${name}, which is of this file` };
      kept.set(key, file.text.slice(closed.start ?? 0, closed.end ?? 0));
    }
  }
  return { kept, variable };
}

/** What an expression says, where it says the same in another file. */
export function readValue(expression: Expression, file: SourceFile): string | undefined {
  const closed = file.names.valueOf(expression);
  return unknownName(closed) === undefined
    ? file.text.slice(closed.start ?? 0, closed.end ?? 0)
    : undefined;
}

/** What the guard needs to know of a client that goes on connecting by itself: whence its address comes, and its `ssl`. */
export function readAddress(
  url: Expression | undefined,
  ssl: Expression | undefined,
  file: SourceFile,
): PoolOptions | NotPortable {
  const variable = url && environmentVariable(url, file);
  if (ssl === undefined) return { kept: new Map(), variable };
  const text = readValue(ssl, file);
  if (text === undefined) return { why: "its option ssl depends on what is of this file" };
  return { kept: new Map([["ssl", text]]), variable };
}

/** The name of the variable in `process.env.NAME`, `process.env["NAME"]`, `env.NAME`, and the same with `??` behind it. */
export function environmentVariable(expression: Expression, file: SourceFile): string | undefined {
  const node = file.names.valueOf(expression);
  if (node.type === "LogicalExpression") return environmentVariable(node.left, file);
  if (node.type !== "MemberExpression") return undefined;
  const object = bare(node.object);
  const isEnvironment =
    object.type === "MemberExpression" &&
    object.object.type === "Identifier" &&
    object.object.name === "process" &&
    object.property.type === "Identifier" &&
    object.property.name === "env";
  const name = node.computed
    ? stringOf(node.property as Expression)
    : node.property.type === "Identifier"
      ? node.property.name
      : undefined;
  // A module that has checked the environment keeps its spelling.
  return isEnvironment || /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$/.test(name ?? "") ? name : undefined;
}

/** A name in an expression that means nothing in another file; undefined where there is none. */
function unknownName(expression: Expression): string | undefined {
  const properties = new Set<unknown>();
  for (const node of nodesOf(expression)) {
    if (node.type === "ThisExpression") return "this";
    if (node.type === "AwaitExpression") return "await";
    if (node.type === "FunctionExpression" || node.type === "ArrowFunctionExpression") {
      return "a function";
    }
    if (node.type === "MemberExpression" && !node.computed) properties.add(node.property);
    const parts: readonly { readonly type: string; readonly computed?: boolean }[] =
      node.type === "ObjectExpression" ? node.properties : [];
    for (const part of parts) {
      if (part.computed !== true && "key" in part) properties.add(part.key);
    }
    if (node.type === "Identifier" && !properties.has(node) && !GLOBALS.has(node.name)) {
      return node.name;
    }
  }
  return undefined;
}
