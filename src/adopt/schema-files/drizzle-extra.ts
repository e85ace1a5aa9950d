import type { DrizzleTable } from "./drizzle-source.js";
import {
  bare,
  keyOf,
  placeOf,
  returned,
  type Expression,
  type Place,
  type Syntax,
} from "./syntax.js";
import { indentAt, lineEnd } from "./text-edits.js";
import { skipTrivia } from "./trivia.js";

/** What a table's third argument declares, and what is to be added to it. */
export class DrizzleExtra {
  readonly #table: DrizzleTable;
  readonly #added: { readonly key: string; readonly code: string; readonly isSpread: boolean }[] =
    [];
  readonly #function: Syntax<"ArrowFunctionExpression"> | Syntax<"FunctionExpression"> | undefined;
  readonly #body: Syntax<"ArrayExpression"> | Syntax<"ObjectExpression"> | undefined;
  readonly #bound: string[] = [];
  /** The name of the parameter, or of each column that it is taken apart into. */
  readonly #parameter: string | ReadonlyMap<string, string>;

  constructor(table: DrizzleTable) {
    this.#table = table;
    const { extra } = table;
    const body = extra && returned(extra);
    if (extra?.type === "ArrowFunctionExpression" || extra?.type === "FunctionExpression") {
      this.#function = extra;
    }
    if (body?.type === "ArrayExpression" || body?.type === "ObjectExpression") this.#body = body;
    this.#parameter = parameterOf(this.#function?.params[0]) ?? "table";
  }

  /** Whether it can be added to: absent, or a function that gives back what is written out. */
  get isEditable(): boolean {
    if (this.#table.extra === undefined) return true;
    if (this.#function === undefined || this.#body === undefined) return false;
    const [parameter] = this.#function.params;
    return parameter === undefined || parameterOf(parameter) !== undefined;
  }

  get isArray(): boolean {
    return this.#body?.type !== "ObjectExpression";
  }

  /** What is declared already. */
  get entries(): readonly Expression[] {
    if (this.#body?.type === "ArrayExpression") {
      return this.#body.elements.filter(
        (one): one is Expression => one !== null && one.type !== "SpreadElement",
      );
    }
    if (this.#body?.type !== "ObjectExpression") return [];
    return this.#body.properties.flatMap((property) =>
      property.type === "ObjectProperty" ? [property.value as Expression] : [],
    );
  }

  /** How the function speaks of a column. */
  column(key: string): string {
    if (typeof this.#parameter === "string") {
      return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key)
        ? `${this.#parameter}.${key}`
        : `${this.#parameter}[${JSON.stringify(key)}]`;
    }
    const bound = this.#parameter.get(key);
    if (bound !== undefined) return bound;
    if (!this.#bound.includes(key)) this.#bound.push(key);
    return key;
  }

  /** The column that an expression of the function speaks of, by its key. */
  keyOf(expression: Expression): string | undefined {
    const node = bare(expression);
    if (node.type === "Identifier" && typeof this.#parameter !== "string") {
      for (const [key, bound] of this.#parameter) if (bound === node.name) return key;
    }
    if (node.type !== "MemberExpression" || node.object.type !== "Identifier") return undefined;
    // The table itself may be spoken of by its variable as well.
    if (node.object.name !== this.#parameter && node.object.name !== this.#table.variable)
      return undefined;
    return keyOf({
      key: node.property,
      computed: node.computed && node.property.type !== "StringLiteral",
    });
  }

  /** Adds a declaration; `key` names it where declarations are an object's properties. */
  add(key: string, code: string): void {
    this.#added.push({ key, code, isSpread: false });
  }

  /** Adds all that an expression holds: an array's elements, or an object's properties. */
  spread(code: string): void {
    this.#added.push({ key: "", code, isSpread: true });
  }

  /** Writes what was added into the table's file. */
  write(): void {
    const { file, call } = this.#table;
    this.#bind();
    if (this.#added.length === 0) return;
    const end = lineEnd(file.text);
    const indent = indentAt(file.text, call.place.start);
    if (this.#body === undefined || this.#function === undefined) {
      const step = file.text.includes("\n\t") ? "\t" : "  ";
      const lines = this.#lines().map((line) => `${indent}${step}${line},${end}`);
      const last = this.#table.call.base.arguments[1]!;
      file.edits.insert(placeOf(last).end, `, (table) => [${end}${lines.join("")}${indent}]`);
      return;
    }
    if (this.#function.params.length === 0) {
      const open = file.text.indexOf("(", placeOf(this.#function).start);
      file.edits.insert(open + 1, "table");
    }
    const items =
      this.#body.type === "ArrayExpression" ? this.#body.elements : this.#body.properties;
    const last = items.findLast((one) => one !== null);
    addToList(
      this.#table.file,
      placeOf(this.#body),
      last ? placeOf(last) : undefined,
      this.#lines(),
    );
  }

  #lines(): string[] {
    const taken = new Set<string>();
    if (this.#body?.type === "ObjectExpression") {
      for (const property of this.#body.properties) {
        const key = property.type === "ObjectProperty" ? keyOf(property) : undefined;
        if (key !== undefined) taken.add(key);
      }
    }
    return this.#added.map(({ key, code, isSpread }) => {
      if (isSpread) return `...${code}`;
      if (this.isArray) return code;
      let own = key;
      for (let n = 2; taken.has(own); n += 1) own = `${key}${n}`;
      taken.add(own);
      return `${own}: ${code}`;
    });
  }

  #bind(): void {
    const [parameter] = this.#function?.params ?? [];
    if (parameter?.type !== "ObjectPattern" || this.#bound.length === 0) return;
    const last = parameter.properties.at(-1);
    if (last) this.#table.file.edits.insert(placeOf(last).end, `, ${this.#bound.join(", ")}`);
    else this.#table.file.edits.insert(placeOf(parameter).start + 1, ` ${this.#bound.join(", ")} `);
  }
}

function parameterOf(
  parameter: { readonly type: string } | undefined,
): string | Map<string, string> | undefined {
  if (parameter?.type === "Identifier") return (parameter as Syntax<"Identifier">).name;
  if (parameter?.type !== "ObjectPattern") return undefined;
  const { properties } = parameter as unknown as {
    readonly properties: readonly {
      type: string;
      key: object;
      computed?: boolean;
      value: { type: string; name?: string };
    }[];
  };
  const bound = new Map<string, string>();
  for (const property of properties) {
    const key = property.type === "ObjectProperty" ? keyOf(property) : undefined;
    if (key === undefined || property.value.type !== "Identifier") return undefined;
    bound.set(key, property.value.name ?? key);
  }
  return bound;
}

/** Adds items to the end of an array or object that is written out, a line each where its items have lines. */
export function addToList(
  file: DrizzleTable["file"],
  list: Place,
  last: Place | undefined,
  items: readonly string[],
): void {
  const { text, edits } = file;
  const close = list.end - 1;
  const end = lineEnd(text);
  if (last === undefined) {
    const indent = indentAt(text, list.start);
    const lines = items.map((item) => `${end}${indent}  ${item},`).join("");
    edits.replace(list.start + 1, close, `${lines}${end}${indent}`);
    return;
  }
  const comma = skipTrivia(text, last.end);
  const hasComma = text[comma] === ",";
  const lineOfClose = text.lastIndexOf("\n", close - 1) + 1;
  const isOwnLine = lineOfClose > last.end && text.slice(lineOfClose, close).trim() === "";
  if (!isOwnLine) {
    const behind = hasComma ? comma + 1 : last.end;
    edits.insert(behind, `${hasComma ? " " : ", "}${items.join(", ")}`);
    return;
  }
  if (!hasComma) edits.insert(last.end, ",");
  const indent = indentAt(text, last.start);
  // Before the line of the bracket, so that a comment behind the last item stays with it.
  edits.insert(lineOfClose, items.map((item) => `${indent}${item},${end}`).join(""));
}
