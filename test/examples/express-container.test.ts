import { expect, test } from "vitest";
import { describeEngine } from "../support/engine.js";
import { goalsExample } from "./goals-example.js";

describeEngine("postgres", "the example of a container", () => {
  const example = goalsExample("express-container");
  const { asked, titles, expectCleanStop } = example;

  test("runs its service in a job of each tenant", () => {
    expect(example.output()).toContain("nightly: acme Ltd: 1 goals");
    expect(example.output()).toContain("nightly: globex Ltd: 1 goals");
  });

  test("gives two tenants different goals from the same service", async () => {
    expect(titles(await asked("One tenant's goals"))).toEqual(["the first goal of acme"]);
    expect(titles(await asked("The other one's"))).toEqual(["the first goal of globex"]);
  });

  test("knows who is acting, and as what", async () => {
    expect(await asked("A goal of Ada's")).toMatchObject({
      status: 201,
      json: { title: "learn", author: "ada" },
    });
    expect(titles(await example.as("globex", "grace", "/goals"))).not.toContain("learn");
    expect((await example.as("globex", "ada", "/goals")).status).toBe(404);
  });

  test("a service that was kept answers no later request, of either tenant", async () => {
    const first = await example.as("acme", "ada", "/kept");
    expect(titles(first)).toContain("the first goal of acme");
    for (const [slug, user] of [
      ["globex", "grace"],
      ["acme", "ada"],
    ] as const)
      expect(await example.as(slug, user, "/kept")).toMatchObject({
        status: 500,
        json: { code: "PW_CONTAINER_SCOPE" },
      });
  });

  test("stops cleanly", async () => {
    await expectCleanStop();
  });
});
