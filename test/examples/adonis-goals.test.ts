import { expect, test } from "vitest";
import { describeEngine } from "../support/engine.js";
import { describeNode } from "../support/node-version.js";
import { goalsExample } from "./goals-example.js";

describeNode(24, "AdonisJS 7", () =>
  describeEngine("postgres", "the example with AdonisJS and Lucid", () => {
    const example = goalsExample("adonis-goals");
    const { asked, titles, expectCleanStop } = example;

    test("runs its command for each tenant", () => {
      expect(example.output()).toContain("acme Ltd: 1 goals");
      expect(example.output()).toContain("globex Ltd: 1 goals");
    });

    test("gives two tenants different goals from the same model", async () => {
      expect(titles(await asked("One tenant's goals"))).toEqual(["the first goal of acme"]);
      expect(titles(await asked("The other one's"))).toEqual(["the first goal of globex"]);
    });

    test("creates a goal for the tenant, as whoever is acting", async () => {
      expect(await asked("A goal of Ada's")).toMatchObject({
        status: 201,
        json: { title: "learn", author: "ada" },
      });
      expect(titles(await example.as("globex", "grace", "/goals"))).not.toContain("learn");
    });

    test("injected SQL cannot read another tenant's rows", async () => {
      const found = await asked("SQL injected");
      expect(found.status).toBe(200);
      expect(titles(found)).toEqual(titles(await example.as("acme", "ada", "/goals")));
    });

    test("refuses strangers, and answers a central route in no tenant's scope", async () => {
      expect((await example.as("globex", "ada", "/goals")).status).toBe(404);
      expect((await example.as("nobody", "ada", "/goals")).status).toBe(404);
      expect(await example.as("acme", "ada", "/health")).toMatchObject({
        json: { ok: true, tenant: null },
      });
    });

    test("stops cleanly", async () => {
      await expectCleanStop();
    });
  }),
);
