import { expect, test } from "vitest";
import { assignedColumns } from "../../../src/adopt/run/assigned-columns.js";

test.each([
  [`"tenant_id" = 'a'::text`, ["tenant_id"]],
  [`Tenant_Id = 1, "b ""c" = 2`, ["tenant_id", 'b "c']],
  [`(a, "B") = (select x, y from t where x = y), c = 3`, ["a", "B", "c"]],
  [`"t" = (select o.tenant from orders o where o.id = items.order_id and o.x >= 3)`, ["t"]],
  [`t = case when a = b then 'x, y = ' else "no, = no" end, u = f(a, b = c)`, ["t", "u"]],
  [`t = $q$ , u = $q$ || $$ , v = $$ || E'\\', w = ' -- , x = 1\n, y = /* , z = */ 2`, ["t", "y"]],
  [`t = array[a, b = c], "ü" = 1`, ["t", "ü"]],
])("%s assigns %j", (set, columns) => {
  expect(assignedColumns(set)).toEqual(columns);
});
