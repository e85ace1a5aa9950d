import { drizzle } from "drizzle-orm/node-postgres";
import { integer, pgTable, text } from "drizzle-orm/pg-core";
import { guardDrizzle } from "partywall/adapters/drizzle";
import type { UserContext } from "partywall/runtime/container";
import type { Goals } from "../goals-database.js";

const goals = pgTable("goals", {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  title: text().notNull(),
  author: text().notNull(),
});

/** Drizzle over the guard: one handle for all tenants. */
export function openDrizzle({ postgres }: Goals) {
  return guardDrizzle(postgres, drizzle({ client: postgres.pool }));
}

/** Who may enter, and as what. */
export interface User {
  readonly name: string;
  readonly role: string;
}

interface Needs {
  readonly db: ReturnType<typeof openDrizzle>;
  readonly user: UserContext<User, string>;
}

/** What the application does with goals. It is given a database and a user, and names no tenant. */
export class GoalService {
  readonly #db: Needs["db"];
  readonly #user: Needs["user"];

  constructor({ db, user }: Needs) {
    this.#db = db;
    this.#user = user;
  }

  list() {
    return this.#db.select().from(goals).orderBy(goals.id);
  }

  async add(title: string) {
    const author = this.#user.principal.name;
    const [made] = await this.#db.insert(goals).values({ title, author }).returning();
    return made;
  }

  /** Only an owner empties the list. */
  async clear(): Promise<boolean> {
    if (this.#user.role !== "owner") return false;
    await this.#db.delete(goals);
    return true;
  }

  async summary(): Promise<string> {
    return `${this.#user.tenant.name}: ${(await this.list()).length} goals`;
  }
}
