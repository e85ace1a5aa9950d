import { inArray, sql } from "drizzle-orm";
import { orderLines, orderNumbers, orders, tracks } from "./database/schema.js";
import type { Shop } from "./shop.js";

/** An order as a customer sends it. */
export interface NewOrder {
  readonly customerId: number;
  readonly trackIds: readonly number[];
}

/** The order in a request's body; undefined when there is none. */
export function orderFrom(body: unknown): NewOrder | undefined {
  const { customerId, trackIds } = (body ?? {}) as { customerId?: unknown; trackIds?: unknown };
  const isId = (value: unknown): value is number =>
    Number.isInteger(value) && Number(value) > 0 && Number(value) < 2 ** 31;
  if (!isId(customerId) || !Array.isArray(trackIds) || !trackIds.every(isId)) return undefined;
  const chosen = [...new Set<number>(trackIds)];
  return chosen.length > 0 && chosen.length <= 100 ? { customerId, trackIds: chosen } : undefined;
}

const FOREIGN_KEY = "23503";

/** Places an order, numbered within its shop; undefined when the shop has no such customer or track. */
export async function placeOrder(db: Shop["db"], { customerId, trackIds }: NewOrder) {
  try {
    return await db.transaction(async (tx) => {
      const found = await tx
        .select({ trackId: tracks.id, priceCents: tracks.priceCents })
        .from(tracks)
        .where(inArray(tracks.id, [...trackIds]));
      if (found.length !== trackIds.length) return undefined;
      const [number] = await tx
        .update(orderNumbers)
        .set({ last: sql`${orderNumbers.last} + 1` })
        .returning({ id: orderNumbers.last });
      const id = number!.id;
      await tx.insert(orders).values({ id, customerId });
      await tx.insert(orderLines).values(found.map((line) => ({ orderId: id, ...line })));
      return { id, customerId, cents: found.reduce((total, line) => total + line.priceCents, 0) };
    });
  } catch (error) {
    if (((error as Error).cause as { code?: unknown } | undefined)?.code === FOREIGN_KEY)
      return undefined;
    throw error;
  }
}
