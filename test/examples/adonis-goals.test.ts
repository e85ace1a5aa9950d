import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../support/engine.js";
import { describeNode } from "../support/node-version.js";
import {
  ask,
  assertNoneLeft,
  endLeftOver,
  processesOf,
  send,
  startExample,
  type ShopProcess,
} from "./shop-process.js";

const OPEN = "Ctrl-C stops it";

describeNode(24, "AdonisJS 7", () =>
  describeEngine("postgres", "the example with AdonisJS and Lucid", () => {
    let example: ShopProcess;
    let port: string;
    const as = (slug: string, user: string, path: string) =>
      send(new URL(path, `http://${slug}.localhost:${port}`), { headers: { "x-user": user } });
    const titles = (answer: { json: unknown }) =>
      (answer.json as { title: string }[]).map(({ title }) => title);

    beforeAll(async () => {
      example = startExample("adonis-goals");
      await example.printed(OPEN);
      ({ port } = new URL(/http:\/\/acme[^']+/.exec(example.output())![0]));
    });
    afterAll(() => endLeftOver());

    test("runs its command for each tenant", () => {
      expect(example.output()).toContain("acme Ltd: 1 goals");
      expect(example.output()).toContain("globex Ltd: 1 goals");
    });

    test("gives two tenants different goals from the same model", async () => {
      expect(titles(await ask(example.line("One tenant's goals")))).toEqual([
        "the first goal of acme",
      ]);
      expect(titles(await ask(example.line("The other one's")))).toEqual([
        "the first goal of globex",
      ]);
    });

    test("creates a goal for the tenant, as whoever is acting", async () => {
      expect(await ask(example.line("A goal of Ada's"))).toMatchObject({
        status: 201,
        json: { title: "learn", author: "ada" },
      });
      expect(titles(await as("globex", "grace", "/goals"))).not.toContain("learn");
    });

    test("injected SQL cannot read another tenant's rows", async () => {
      const found = await ask(example.line("SQL injected"));
      expect(found.status).toBe(200);
      expect(titles(found)).toEqual(titles(await as("acme", "ada", "/goals")));
    });

    test("refuses strangers, and answers a central route in no tenant's scope", async () => {
      expect((await as("globex", "ada", "/goals")).status).toBe(404);
      expect((await as("nobody", "ada", "/goals")).status).toBe(404);
      expect(await as("acme", "ada", "/health")).toMatchObject({
        json: { ok: true, tenant: null },
      });
    });

    test("stops cleanly", async () => {
      const [, folder = ""] = /database is in ([^;]+);/.exec(example.output()) ?? [];
      expect(processesOf(folder)).not.toEqual([]);
      example.kill("SIGTERM");
      expect(await example.ended).toBe(0);
      await assertNoneLeft(folder);
    });
  }),
);
