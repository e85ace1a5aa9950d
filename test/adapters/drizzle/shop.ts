import { Cache } from "drizzle-orm/cache/core";
import { integer, pgTable, text, uuid } from "drizzle-orm/pg-core";

export const customers = pgTable("customers", {
  tenantId: uuid("tenant_id"),
  id: integer("id").notNull(),
  email: text("email").notNull(),
  name: text("name"),
});

export const orders = pgTable("orders", {
  id: integer("id").notNull(),
  note: text("note"),
  amount: integer("amount").notNull().default(0),
});

export const plans = pgTable("plans", {
  name: text("name").primaryKey(),
  price: integer("price").notNull(),
});

export const schema = { customers, orders, plans };

/** A cache in memory, as an application writes one: it knows keys and tables, and nothing of tenants. */
export class MemoryCache extends Cache {
  readonly entries = new Map<string, { readonly rows: unknown; readonly tables: string[] }>();
  hits = 0;

  constructor(readonly chosen: "explicit" | "all" = "explicit") {
    super();
  }

  override strategy() {
    return this.chosen;
  }

  override async get(key: string, tables: string[]): Promise<never[] | undefined> {
    await Promise.resolve();
    const kept = this.entries.get(key);
    // As Drizzle's own for Upstash, which looks for an entry by its tables.
    const isElsewhere = kept?.tables.some((table) => !tables.includes(table)) ?? true;
    if (kept === undefined || isElsewhere) return undefined;
    this.hits += 1;
    return kept.rows as never[];
  }

  override async put(key: string, rows: unknown, tables: string[]): Promise<void> {
    await Promise.resolve();
    this.entries.set(key, { rows, tables });
  }

  override async onMutate(mutation: {
    readonly tags?: string | string[];
    readonly tables?: unknown;
  }): Promise<void> {
    await Promise.resolve();
    for (const tag of [mutation.tags ?? []].flat()) this.entries.delete(tag);
    const changed = new Set([mutation.tables ?? []].flat());
    for (const [key, { tables }] of this.entries) {
      if (tables.some((table) => changed.has(table))) this.entries.delete(key);
    }
  }
}
