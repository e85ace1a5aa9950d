import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildWorld, type World } from "../../guards/postgres/world.js";
import { describeEngine } from "../../support/engine.js";
import { ask, serve } from "../http.js";
import { HOSTS } from "./hosts.js";
import { ordersSchema, type Context, type OrdersSchema } from "./schema.js";

/** Both tenants by turns, several times. */
const TURNS = Array.from({ length: 20 }, (_, turn) => (turn % 2 === 0 ? "a" : "b"));
const TWO = "{ one: order(id: 1) { note next { note } } two: order(id: 2) { note next { note } } }";

describeEngine("postgres", "GraphQL", () => {
  let world: World;
  beforeAll(async () => {
    world = await buildWorld();
  });
  afterAll(() => world.close());

  describe.each(Object.entries(HOSTS))("over %s", (_, host) => {
    const application = async (context?: (orders: OrdersSchema) => () => Context) => {
      const orders = ordersSchema(world);
      const contextOf = context?.(orders) ?? orders.contextOf;
      const port = await serve(host(world, orders.schema, contextOf));
      const send = async (tenant: string, query: string, user = "ada") => {
        const answer = await ask(port, {
          method: "POST",
          path: "/graphql",
          headers: { "x-tenant": tenant, "x-user": user, "content-type": "application/json" },
          body: JSON.stringify({ query }),
        });
        return { ...answer, json: JSON.parse(answer.body) };
      };
      return { ...orders, send };
    };

    it("resolves every field, through a loader of the request, in its tenant", async () => {
      const { send, seen, batches } = await application();
      const answers = await Promise.all(TURNS.map((tenant) => send(tenant, TWO)));
      expect(answers.map(({ json }) => json)).toEqual(
        TURNS.map((tenant) => {
          const [one, two, three] = [1, 2, 3].map((id) => ({ note: `${tenant}${id} ${tenant}` }));
          return { data: { one: { ...one, next: two }, two: { ...two, next: three } } };
        }),
      );
      expect(seen.toSorted()).toEqual(TURNS.map((tenant) => `context ${tenant}`).toSorted());
      // Two statements for each request, and none for two requests together: what is next to 1 is known already.
      expect(batches.toSorted()).toEqual(
        TURNS.flatMap((tenant) => [`${tenant} 1,2`, `${tenant} 3`]).toSorted(),
      );
    });

    it("counts and lists only its own tenant's rows, and tells an error in its tenant", async () => {
      const { send } = await application();
      const answers = await Promise.all(
        TURNS.map((tenant) => send(tenant, "{ orders { note fail } }")),
      );
      for (const [turn, { json }] of answers.entries()) {
        const tenant = TURNS[turn] as string;
        expect(json.data.orders).toEqual(
          [1, 2, 3].map((id) => ({ note: `${tenant}${id} ${tenant}`, fail: null })),
        );
        expect(json.errors.map(({ message }: Error) => message)).toEqual(
          [1, 2, 3].map(() => `no paper ${tenant}`),
        );
      }
    });

    it("makes no context for whom the tenant does not let in", async () => {
      const { send, seen } = await application();
      const forbidden = await send("a", TWO, "eve");
      expect([forbidden.status, forbidden.body]).toEqual([404, (await send("nobody", TWO)).body]);
      expect(seen).toEqual([]);
    });

    it("cannot keep tenants apart in a loader that the process shares, as the page says", async () => {
      const { send } = await application(({ sharedContext }) => sharedContext);
      const query = "{ order(id: 1) { note } }";
      await send("a", query);
      expect((await send("b", query)).json).toEqual({ data: { order: { note: "a1 b" } } });
    });
  });
});
