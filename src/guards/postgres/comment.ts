import { PartywallError } from "../../errors.js";
import type { Scope } from "../../scope/scope.js";
import type { Tenant } from "../../scope/tenant.js";

/** Whose statement is to be commented. */
export interface CommentedScope {
  /** The current tenant; undefined in a central scope. */
  readonly tenant: Tenant | undefined;
  /** Who is acting, as `pw.principal()` gives it. */
  readonly principal: unknown;
}

/**
 * What the comment of each statement says: `"tenant"` for the tenant's id, or a function of the scope that gives names and
 * values, or undefined for no comment. The function must be synchronous; what it throws refuses the statement.
 *
 * @example
 * ```ts
 * import type { StatementComment } from "partywall/guards/postgres";
 *
 * export const comment: StatementComment = ({ tenant }) => (tenant ? { tenant: tenant.slug } : undefined);
 * ```
 */
export type StatementComment =
  | "tenant"
  | ((scope: CommentedScope) => Readonly<Record<string, string>> | undefined);

/** Gives the comment of a statement issued in a scope, or none. */
export type Commenter = (scope: Scope | undefined) => string | undefined;

/** Longer values are cut: a comment is to be found in a list of statements, not to fill it. */
const LONGEST_VALUE = 200;

/** What the option means; throws `PW_CONFIG` for what it cannot mean. */
export function commenter(option: unknown): Commenter | undefined {
  if (option === undefined) return undefined;
  if (option !== "tenant" && typeof option !== "function")
    throw new PartywallError(
      "PW_CONFIG",
      'guardPg() got a `comment` that is neither "tenant" nor a function that gives names and values.',
    );
  const tags =
    option === "tenant"
      ? ({ tenant }: CommentedScope) => tenant && { tenant: tenant.id }
      : (option as Exclude<StatementComment, "tenant">);
  return (scope) => {
    // In a system scope statements go to a login of their own, whose name tells.
    if (scope?.kind !== "tenant" && scope?.kind !== "central") return undefined;
    const tenant = scope.kind === "tenant" ? scope.tenant : undefined;
    const given = tags({ tenant, principal: scope.principal });
    return given === undefined ? undefined : commentOf(given);
  };
}

/**
 * Names and values as a comment in the format of sqlcommenter (google.github.io/sqlcommenter/spec), sorted by name, both
 * percent-encoded. Nothing that is encoded can end the comment, begin another, or end the statement.
 */
export function commentOf(tags: Readonly<Record<string, string>>): string | undefined {
  const entries = Object.entries(tags);
  if (entries.length === 0) return undefined;
  const pairs = entries.map(([name, value]) => {
    if (typeof value === "string") return `${encoded(name)}='${encoded(value)}'`;
    throw new PartywallError(
      "PW_CONFIG",
      "The `comment` function of guardPg() gave a value that is not a string, so the statement was not sent.",
    );
  });
  return `/*${pairs.toSorted().join(",")}*/`;
}

/**
 * A text with the comment at its end, before the semicolon if it has one: behind it, one statement would look like two.
 */
export function withComment(text: string, comment: string): string {
  let end = text.length;
  while (end > 0 && "; \t\n\r\f\v".includes(text.charAt(end - 1))) end -= 1;
  if (end === 0) return text;
  const bare = text.slice(0, end);
  // What follows a comment of the text's own up to the end of the line would be part of that.
  const space = bare.includes("--") ? "\n" : " ";
  return bare + space + comment + text.slice(end);
}

const commented = new WeakSet<object>();

/** Puts the comment into what sends itself: a cursor, a stream, a COPY, a query object. */
export function commentSubmittable(submittable: object, comment: string): void {
  // The same object may be given out again, to where its tenant lives now.
  if (commented.has(submittable)) return;
  commented.add(submittable);
  const { cursor = submittable } = submittable as { cursor?: { text?: unknown } };
  const holder = cursor as { text?: unknown };
  if (typeof holder.text === "string") holder.text = withComment(holder.text, comment);
}

// encodeURIComponent() leaves a few characters, of which a quote and an asterisk mean something here.
function encoded(text: string): string {
  return encodeURIComponent(
    Array.from(text)
      .slice(0, LONGEST_VALUE)
      .join("")
      .replace(/\p{Surrogate}/gu, "\u{FFFD}"),
  ).replace(/[!'()*~]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}
