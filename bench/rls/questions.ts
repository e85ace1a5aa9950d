/** A question asked of one tenant's rows, as it is written with and without the guard. */
export interface Question {
  readonly name: string;
  /** For the guard: it names no tenant. */
  readonly guarded: string;
  /** By hand: the tenant is the last parameter. */
  readonly manual: string;
  readonly values: readonly unknown[];
}

const RANGE = ["2026-03-01", "2026-04-06"];
const TOTALS = "select c.name, sum(o.amount) as total from orders o";

export const QUESTIONS: readonly Question[] = [
  {
    name: "count",
    guarded: "select count(*) from orders",
    manual: "select count(*) from orders where tenant_id = $1",
    values: [],
  },
  {
    name: "range",
    guarded: "select * from orders where placed_at >= $1 and placed_at < $2 order by placed_at",
    manual:
      "select * from orders where placed_at >= $1 and placed_at < $2 and tenant_id = $3 order by placed_at",
    values: RANGE,
  },
  {
    name: "join",
    guarded: `${TOTALS} join customers c on c.id = o.customer_id
where o.placed_at >= $1 and o.placed_at < $2 group by c.name order by total desc, c.name limit 10`,
    manual: `${TOTALS} join customers c on c.id = o.customer_id and c.tenant_id = o.tenant_id
where o.placed_at >= $1 and o.placed_at < $2 and o.tenant_id = $3 group by c.name order by total desc, c.name limit 10`,
    values: RANGE,
  },
];
