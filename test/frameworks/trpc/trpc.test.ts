import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildWorld, type World } from "../../guards/postgres/world.js";
import { describeEngine } from "../../support/engine.js";
import { ask, serve } from "../http.js";
import { HOSTS } from "./hosts.js";
import { ordersRouter } from "./router.js";

const as = (tenant: string, more: Record<string, string> = {}) => ({
  "x-tenant": tenant,
  "x-user": "ada",
  ...more,
});
/** Both tenants by turns, several times. */
const TURNS = Array.from({ length: 20 }, (_, turn) => (turn % 2 === 0 ? "a" : "b"));
const batchOf = (calls: readonly string[], inputs: object = {}) =>
  `/trpc/${calls.join(",")}?batch=1&input=${encodeURIComponent(JSON.stringify(inputs))}`;
const own = (tenant: string) => [1, 2, 3].map((id) => `${tenant}${id} ${tenant}`);

describeEngine("postgres", "tRPC", () => {
  let world: World;
  beforeAll(async () => {
    world = await buildWorld();
  });
  afterAll(() => world.close());

  describe.each(Object.entries(HOSTS))("over %s", (_, host) => {
    const application = async () => {
      const orders = ordersRouter(world);
      return { port: await serve(host(world, orders)), seen: orders.seen };
    };

    it("runs every call of a batch, and the context made for it, in the tenant of its request", async () => {
      const { port, seen } = await application();
      const path = batchOf(["note", "note", "note"], { 0: { id: 1 }, 1: { id: 2 }, 2: { id: 3 } });
      const answers = await Promise.all(
        TURNS.map((tenant) => ask(port, { path, headers: as(tenant) })),
      );
      const data = answers.map(({ body }) =>
        JSON.parse(body).map((one: { result: { data: string } }) => one.result.data),
      );
      expect(data).toEqual(TURNS.map(own));
      expect(seen.toSorted()).toEqual(TURNS.map((tenant) => `context ${tenant}`).toSorted());
    });

    it("streams a batch and its iterators in the tenant of its request", async () => {
      const { port, seen } = await application();
      const path = batchOf(["notes", "note"], { 1: { id: 1 } });
      const answers = await Promise.all(
        TURNS.map((tenant) =>
          ask(port, { path, headers: as(tenant, { "trpc-accept": "application/jsonl" }) }),
        ),
      );
      for (const [turn, { status, headers, body }] of answers.entries()) {
        const tenant = TURNS[turn] as string;
        expect([status, headers["content-type"]]).toEqual([200, "application/json"]);
        expect(body.trim().split("\n").length).toBeGreaterThan(3);
        expect(body.match(/[ab]\d \w+/g)?.toSorted()).toEqual(
          [...own(tenant), `${tenant}1 ${tenant}`].toSorted(),
        );
      }
      expect(seen.filter((one) => one.startsWith("ended")).toSorted()).toEqual(
        TURNS.map((tenant) => `ended ${tenant}`).toSorted(),
      );
    });

    it("iterates a subscription in its tenant to the end", async () => {
      const { port } = await application();
      const answers = await Promise.all(
        TURNS.map((tenant) =>
          ask(port, {
            path: "/trpc/follow",
            headers: as(tenant, { accept: "text/event-stream" }),
          }),
        ),
      );
      expect(answers.map(({ body }) => body.match(/[ab]\d \w+/g))).toEqual(TURNS.map(own));
    });

    it("gives a subscription up in its tenant when the client has gone", async () => {
      const { port, seen } = await application();
      const follow = async (tenant: string) => {
        const sent = request({
          host: "127.0.0.1",
          port,
          path: "/trpc/forEver",
          headers: as(tenant, { accept: "text/event-stream" }),
        }).end();
        sent.on("error", () => {});
        const [answer] = (await once(sent, "response")) as [IncomingMessage];
        answer.on("error", () => {});
        let heard = "";
        for await (const chunk of answer.setEncoding("utf8")) {
          heard += chunk;
          if ((heard.match(/[ab]\d \w+/g) ?? []).length > 3) break;
        }
        sent.destroy();
        return new Set(heard.match(/[ab]\d \w+/g));
      };
      expect(await Promise.all(["a", "b"].map(follow))).toEqual([
        new Set(["a1 a"]),
        new Set(["b1 b"]),
      ]);
      await expect
        .poll(() => seen.filter((one) => one.startsWith("given up")).toSorted())
        .toEqual(["given up a", "given up b"]);
    });

    it("formats and reports a procedure's error in its tenant", async () => {
      const { port, seen } = await application();
      const answers = await Promise.all(
        TURNS.map((tenant) => ask(port, { path: "/trpc/fail", headers: as(tenant) })),
      );
      expect(answers.map(({ status, body }) => [status, JSON.parse(body).error.message])).toEqual(
        TURNS.map((tenant) => [500, `no paper ${tenant}`]),
      );
      expect(seen.filter((one) => one.startsWith("error")).toSorted()).toEqual(
        TURNS.map((tenant) => `error ${tenant}`).toSorted(),
      );
    });

    it("changes only its own tenant's rows", async () => {
      const { port } = await application();
      const before = await world.rows("orders", world.b);
      const answer = await ask(port, {
        method: "POST",
        path: "/trpc/rename",
        headers: as("a", { "content-type": "application/json" }),
        body: JSON.stringify({ note: "mine" }),
      });
      const ofA = await world.rows("orders", world.a);
      await world.unguarded.query("update orders set note = 'a' || id where tenant_id = $1", [
        world.a.id,
      ]);
      expect(JSON.parse(answer.body)).toEqual({ result: { data: 3 } });
      expect(ofA.map(({ note }) => note)).toEqual(["mine", "mine", "mine"]);
      expect(await world.rows("orders", world.b)).toEqual(before);
    });

    it("makes no context for whom the tenant does not let in", async () => {
      const { port, seen } = await application();
      const path = batchOf(["note"], { 0: { id: 1 } });
      const forbidden = await ask(port, { path, headers: as("a", { "x-user": "eve" }) });
      const unknown = await ask(port, { path, headers: as("nobody") });
      expect([forbidden.status, forbidden.body]).toEqual([404, unknown.body]);
      expect(seen).toEqual([]);
    });
  });
});
