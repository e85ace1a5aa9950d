import { EXPRESSION_OPERATORS, REFUSED_VARIABLES } from "./expression-operators.js";
import { isDocument, plain } from "./plain.js";
import { named, refused } from "./refusal.js";

/** Throws unless every operator of an aggregation expression is known and runs no script. Field paths read the document alone. */
export function checkExpression(expression: unknown): void {
  if (typeof expression === "string") checkVariable(expression);
  else if (Array.isArray(expression)) expression.forEach(checkExpression);
  else if (isDocument(expression)) {
    for (const [key, value] of Object.entries(expression)) {
      if (key.startsWith("$")) checkOperator(key);
      if (key !== "$literal") checkExpression(value);
    }
  }
}

/** Throws unless an operator is known. */
export function checkOperator(name: string): void {
  if (!EXPRESSION_OPERATORS.has(name))
    throw refused(
      `The operator ${named(name)} is not allowed`,
      "Use operators of the aggregation language that compute from the document.",
    );
}

function checkVariable(path: string): void {
  const [variable = ""] = path.split(".");
  if (REFUSED_VARIABLES.has(variable))
    throw refused(
      `The variable ${named(variable)} is not allowed`,
      "It tells of more than the tenant's documents.",
    );
}

/** An expression, or a document of them, checked. */
export function checkedExpression(expression: unknown): unknown {
  const own = plain(expression);
  checkExpression(own);
  return own;
}
