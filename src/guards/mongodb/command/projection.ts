import { checkExpression, checkOperator } from "./expression.js";
import { PROJECTION_OPERATORS } from "./expression-operators.js";
import { checkElements } from "./filter.js";
import { isDocument, plain } from "./plain.js";

/** A projection of find, checked: it may compute with expressions and has operators of its own. */
export function checkedProjection(projection: unknown): unknown {
  const own = plain(projection);
  if (!isDocument(own)) return own;
  for (const [key, value] of Object.entries(own)) {
    if (key.startsWith("$")) checkOperator(key);
    if (!isDocument(value)) checkExpression(value);
    else {
      for (const [operator, operand] of Object.entries(value)) {
        if (operator === "$elemMatch") checkElements(operand);
        else if (PROJECTION_OPERATORS.has(operator)) checkExpression(operand);
        else checkExpression({ [operator]: operand });
      }
    }
  }
  return own;
}
