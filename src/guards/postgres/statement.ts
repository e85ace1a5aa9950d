const LINE_END = "\n\r";

// Whitespace and comments in front of a statement; block comments nest, so they are skipped by hand.
function skipBlank(text: string, from: number): number {
  let at = from;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code === 32 || (code >= 9 && code <= 13)) at += 1;
    else if (code === 45 && text.charCodeAt(at + 1) === 45) {
      while (at < text.length && !LINE_END.includes(text.charAt(at))) at += 1;
    } else if (code === 47 && text.charCodeAt(at + 1) === 42) at = skipComment(text, at);
    else return at;
  }
}

function skipComment(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at += 1) {
    if (text.startsWith("/*", at)) {
      depth += 1;
      at += 1;
    } else if (text.startsWith("*/", at)) {
      depth -= 1;
      at += 1;
      if (depth === 0) return at + 1;
    }
  }
  return text.length;
}

const CONTROL =
  /^(?:begin|start\s+transaction|commit|end|rollback|abort|savepoint|release|set\s+(?:local\s+)?transaction|prepare\s+transaction)\b[^;]*(?:;\s*)?$/i;
const LOCAL = /^set\s+(?:local|transaction|constraints)\b[^;]*(?:;\s*)?$/i;
const LETTERS = "bsceraplBSCERAPL";

/**
 * Whether a text is one transaction-control statement, which is sent without a seal: BEGIN must not follow a
 * statement that took a snapshot, and ROLLBACK must work in an aborted transaction. A wrong answer costs an error,
 * never a row: an unsealed statement that reads tenant data is refused by the database.
 */
export function isTransactionControl(text: string): boolean {
  const start = skipBlank(text, 0);
  return (
    LETTERS.includes(text.charAt(start)) && CONTROL.test(start === 0 ? text : text.slice(start))
  );
}

/**
 * Whether a text may hold several statements, which only the simple protocol takes. A semicolon in a string or a
 * comment counts too: taken for several, one statement works as well.
 */
export function mayBeSeveral(text: string): boolean {
  const first = text.indexOf(";");
  return first !== -1 && !/^[;\s]*$/.test(text.slice(first));
}

/** Whether a text is one statement that reads or writes rows, the kind worth keeping prepared. */
export function isPreparable(text: string): boolean {
  return (
    /^(?:select|insert|update|delete|merge|with|values)\b/i.test(text.slice(skipBlank(text, 0))) &&
    !mayBeSeveral(text)
  );
}

/** Whether a text is SAVEPOINT, which must come after the seal so that ROLLBACK TO brings the seal back. */
export function isSavepoint(text: string): boolean {
  return /^savepoint\b/i.test(text.slice(skipBlank(text, 0)));
}

/** Whether a text is one SET that ends with its transaction and so leaves nothing on the connection. */
export function isLocalSetting(text: string): boolean {
  return LOCAL.test(text.slice(skipBlank(text, 0)));
}

/** Whether a text begins with LISTEN or UNLISTEN. */
export function isListen(text: string): boolean {
  return /^(?:un)?listen\b/i.test(text.slice(skipBlank(text, 0)));
}

/** Whether a text is COPY … FROM, which PostgreSQL refuses on tables behind the wall. */
export function isCopy(text: string): boolean {
  return /^copy\b/i.test(text.slice(skipBlank(text, 0)));
}

// What changes the session from inside a statement whose tag does not tell: settings, locks, the seed of random().
const TOUCHING =
  /set_config|advisory|set_limit|\binto\s+(?:local\s+|global\s+)?temp|setseed|\bset\s+(?:session\s+)?seed\b/i;
// What runs a text this guard does not see.
const HIDING = /_to_xml|ts_stat|ts_rewrite|dblink|crosstab|connectby|xpath_table|u&["']/i;

/** Whether a text may leave something on its connection that no command tag tells of. */
export function mayTouchSession(text: string): boolean {
  return TOUCHING.test(text) || HIDING.test(text);
}

// Tags after which a connection is as it was. What is not listed leaves something behind, or may.
const CLEAN = new Set([
  "SELECT",
  "INSERT",
  "UPDATE",
  "DELETE",
  "MERGE",
  "FETCH",
  "MOVE",
  "COPY",
  "BEGIN",
  "START",
  "COMMIT",
  "ROLLBACK",
  "SAVEPOINT",
  "RELEASE",
  "EXPLAIN",
  "SHOW",
  "CLOSE",
  "LOCK",
  "NOTIFY",
  "ANALYZE",
]);

/** Whether a command tag says that the connection keeps nothing of the statement. */
export function leavesNothing(tag: string): boolean {
  const space = tag.indexOf(" ");
  return CLEAN.has(space === -1 ? tag : tag.slice(0, space)) || tag === "SET CONSTRAINTS";
}
