import type { Policy } from "../schema.js";
import type { DrizzleImports } from "./drizzle-imports.js";
import type { DrizzleFile } from "./drizzle-source.js";
import { inTemplate } from "./drizzle-table.js";
import { camelCase } from "./names.js";
import { lineEnd } from "./text-edits.js";

const HELPER = "partywallPolicies";

/** The policies of a file's tables, each set of them written once. drizzle-kit drops policies that no file declares. */
export class DrizzlePolicies {
  readonly #file: DrizzleFile;
  readonly #imports: DrizzleImports;
  readonly #helpers = new Map<string, string>();

  constructor(file: DrizzleFile, imports: DrizzleImports) {
    this.#file = file;
    this.#imports = imports;
  }

  /** Whether a text uses a set of policies that was written before. */
  isSpreadIn(text: string): boolean {
    return new RegExp(`\\b${HELPER}\\d*\\(\\)`).test(text);
  }

  /** The name of the function that gives a set of policies. */
  helper(policies: readonly Policy[]): string {
    const set = JSON.stringify(policies);
    const known = this.#helpers.get(set);
    if (known !== undefined) return known;
    const name = this.#imports.freeName(HELPER);
    this.#helpers.set(set, name);
    const lines = policies.map(
      (policy) => `  ${camelCase(policy.name)}: ${this.#policyCode(policy)},`,
    );
    const code = [
      "",
      "",
      "// The wall around a tenant's rows, as the database has it. drizzle-kit takes down policies that are not declared.",
      `const ${name} = () => ({`,
      ...lines,
      "});",
    ].join(lineEnd(this.#file.text));
    this.#code.push(code);
    return name;
  }

  readonly #code: string[] = [];

  /** Writes the functions behind the file's imports. Called once those are written. */
  write(): void {
    if (this.#code.length > 0) this.#file.edits.insert(this.#imports.end, this.#code.join(""));
  }

  #policyCode({ name, isPermissive, command, roles, using, withCheck }: Policy): string {
    const { quote } = this.#file;
    const sql = (text: string) => `${this.#imports.sql}\`${inTemplate(text)}\``;
    const to = roles.map(quote);
    return `${this.#imports.builder("pgPolicy")}(${quote(name)}, { ${[
      `as: ${quote(isPermissive ? "permissive" : "restrictive")}`,
      `for: ${quote(command.toLowerCase())}`,
      `to: ${to.length === 1 ? to[0] : `[${to.join(", ")}]`}`,
      ...(using === null ? [] : [`using: ${sql(using)}`]),
      ...(withCheck === null ? [] : [`withCheck: ${sql(withCheck)}`]),
    ].join(", ")} })`;
  }
}
