import {
  bare,
  type Expression,
  type Program,
  type Syntax,
} from "../../adopt/schema-files/syntax.js";
import { isNode, looseNodesOf, nodesOf, type LooseNode } from "../../adopt/schema-files/tree.js";

type Statement = Program["body"][number];
type Declarator = Extract<Statement, { type: "VariableDeclaration" }>["declarations"][number];

/** Where a name comes from: `{ module: "pg", name: "Pool" }`. */
export interface Origin {
  readonly module: string;
  /** The exported name, `default`, or `*` for the module itself. */
  readonly name: string;
}

/** A variable with the statement that declares it. */
export interface Variable {
  readonly declarator: Declarator;
  readonly statement: Extract<Statement, { type: "VariableDeclaration" }>;
}

/** What stands for an identifier in a tree: where, and as what. */
interface Mention {
  readonly start: number;
  readonly end: number;
}

const NAMED_FUNCTIONS = new Set(["FunctionDeclaration", "FunctionExpression"]);
const FUNCTIONS = new Set([
  ...NAMED_FUNCTIONS,
  "ArrowFunctionExpression",
  "ObjectMethod",
  "ClassMethod",
  "ClassPrivateMethod",
]);
const NAMED = new Set([
  "ClassDeclaration",
  "ClassExpression",
  "TSEnumDeclaration",
  "TSModuleDeclaration",
  "TSImportEqualsDeclaration",
]);

/** What the names of one file stand for. A name that is declared twice in it stands for nothing that is certain. */
export class Names {
  readonly #declared = new Map<string, number>();
  readonly #origins = new Map<string, Origin>();
  readonly #variables = new Map<string, Variable>();
  readonly #mentions = new Map<string, Mention[]>();

  constructor(program: Program) {
    const declarations = new Set<unknown>();
    for (const node of looseNodesOf(program)) this.#declare(node, declarations);
    this.#readOrigins(program);
    this.#readMentions(program, declarations);
  }

  /** Whether a name is declared anywhere in the file. */
  isDeclared(name: string): boolean {
    return this.#declared.has(name);
  }

  /** A name that is not declared or mentioned in the file: the wanted one, or one made from it. */
  free(wanted: string): string {
    for (let n = 1; ; n += 1) {
      const name = n === 1 ? wanted : `${wanted}${n}`;
      if (!this.#declared.has(name) && !this.#mentions.has(name)) return name;
    }
  }

  /** Where an expression comes from, such as `pg.Pool`. */
  origin(expression: Expression): Origin | undefined {
    const node = bare(expression);
    if (node.type === "Identifier") {
      return this.#declared.get(node.name) === 1 ? this.#origins.get(node.name) : undefined;
    }
    if (node.type === "CallExpression") {
      const module = required(node);
      return module === undefined ? undefined : { module, name: "*" };
    }
    if (node.type !== "MemberExpression" || node.computed || node.property.type !== "Identifier") {
      return undefined;
    }
    const whole = this.origin(node.object);
    if (whole === undefined || (whole.name !== "*" && whole.name !== "default")) return undefined;
    return { module: whole.module, name: node.property.name };
  }

  /** The variable of a name, where it is declared once and with one value: by `const`, or never assigned again. */
  variable(name: string): Variable | undefined {
    return this.#declared.get(name) === 1 ? this.#variables.get(name) : undefined;
  }

  /** What an expression is, where it is only the name of a constant: the value that was given to it. */
  valueOf(expression: Expression): Expression {
    const seen = new Set<Expression>();
    for (let node = bare(expression); ;) {
      seen.add(node);
      const variable = node.type === "Identifier" ? this.variable(node.name) : undefined;
      const init = variable?.statement.kind === "const" ? variable.declarator.init : undefined;
      if (!init) return node;
      const value = bare(init);
      // `const a = b, b = a` has none.
      if (seen.has(value)) return node;
      node = value;
    }
  }

  /** Where a name is mentioned, its declaration not counted. */
  mentions(name: string): readonly Mention[] {
    return this.#mentions.get(name) ?? [];
  }

  #declare(node: LooseNode, declarations: Set<unknown>): void {
    const patterns: unknown[] = [];
    if (FUNCTIONS.has(node.type)) patterns.push(...(node["params"] as unknown[]));
    if (NAMED_FUNCTIONS.has(node.type) || NAMED.has(node.type)) patterns.push(node["id"]);
    if (node.type === "VariableDeclarator") patterns.push(node["id"]);
    if (node.type === "CatchClause") patterns.push(node["param"]);
    if (/^Import\w*Specifier$/.test(node.type)) patterns.push(node["local"]);
    for (const { name, identifier } of patterns.flatMap(bound)) {
      this.#declared.set(name, (this.#declared.get(name) ?? 0) + 1);
      declarations.add(identifier);
    }
  }

  #readOrigins(program: Program): void {
    for (const statement of program.body) {
      if (statement.type === "ImportDeclaration") {
        if (statement.importKind === "type") continue;
        for (const specifier of statement.specifiers) {
          const module = statement.source.value;
          if (specifier.type === "ImportDefaultSpecifier") {
            this.#origins.set(specifier.local.name, { module, name: "default" });
          } else if (specifier.type === "ImportNamespaceSpecifier") {
            this.#origins.set(specifier.local.name, { module, name: "*" });
          } else if (specifier.importKind !== "type") {
            const { imported } = specifier;
            const name = imported.type === "Identifier" ? imported.name : imported.value;
            this.#origins.set(specifier.local.name, { module, name });
          }
        }
      } else if (statement.type === "TSImportEqualsDeclaration") {
        const { moduleReference: from } = statement;
        if (from.type === "TSExternalModuleReference") {
          this.#origins.set(statement.id.name, { module: from.expression.value, name: "*" });
        }
      }
    }
    for (const node of nodesOf(program)) {
      if (node.type !== "VariableDeclaration") continue;
      for (const declarator of node.declarations)
        this.#readDeclarator({ declarator, statement: node });
    }
  }

  #readDeclarator(variable: Variable): void {
    const { id, init } = variable.declarator;
    if (!init) return;
    if (id.type === "Identifier") {
      this.#variables.set(id.name, variable);
      const origin = this.origin(init);
      if (origin) this.#origins.set(id.name, origin);
    } else if (id.type === "ObjectPattern") {
      const whole = this.origin(init);
      if (whole === undefined || (whole.name !== "*" && whole.name !== "default")) return;
      for (const property of id.properties) {
        if (property.type !== "ObjectProperty" || property.computed) continue;
        const { key, value } = property;
        if (key.type !== "Identifier" || value.type !== "Identifier") continue;
        this.#origins.set(value.name, { module: whole.module, name: key.name });
        this.#variables.set(value.name, variable);
      }
    }
  }

  #readMentions(program: Program, declarations: ReadonlySet<unknown>): void {
    const keys = new Set<unknown>();
    for (const node of looseNodesOf(program)) {
      if (/^(?:Optional)?MemberExpression$/.test(node.type) && node["computed"] !== true) {
        keys.add(node["property"]);
      }
      if (
        /^(?:Object|Class)(?:Property|Method|Accessor)/.test(node.type) &&
        node["computed"] !== true
      ) {
        keys.add(node["key"]);
      }
      if (node.type === "TSPropertySignature" || node.type === "TSMethodSignature")
        keys.add(node["key"]);
      if (node.type === "ImportSpecifier") keys.add(node["imported"]);
      if (node.type === "ExportSpecifier") keys.add(node["exported"]);
      if (node.type !== "Identifier" && node.type !== "JSXIdentifier") continue;
      if (keys.has(node) || declarations.has(node)) continue;
      const name = node["name"] as string;
      const mentions = this.#mentions.get(name) ?? [];
      mentions.push({ start: node.start ?? 0, end: node.end ?? 0 });
      this.#mentions.set(name, mentions);
    }
  }
}

/** The names that a pattern binds: `a` and `b` of `{ a, c: [b] }`. */
function bound(pattern: unknown): { readonly name: string; readonly identifier: unknown }[] {
  if (!isNode(pattern)) return [];
  switch (pattern.type) {
    case "Identifier":
      return [{ name: pattern["name"] as string, identifier: pattern }];
    case "ObjectPattern":
      return (pattern["properties"] as unknown[]).flatMap(bound);
    case "ObjectProperty":
      return bound(pattern["value"]);
    case "ArrayPattern":
      return (pattern["elements"] as unknown[]).flatMap(bound);
    case "AssignmentPattern":
      return bound(pattern["left"]);
    case "RestElement":
      return bound(pattern["argument"]);
    case "TSParameterProperty":
      return bound(pattern["parameter"]);
    default:
      return [];
  }
}

function required(call: Syntax<"CallExpression">): string | undefined {
  const [module, ...others] = call.arguments;
  return call.callee.type === "Identifier" &&
    call.callee.name === "require" &&
    module?.type === "StringLiteral" &&
    others.length === 0
    ? module.value
    : undefined;
}
