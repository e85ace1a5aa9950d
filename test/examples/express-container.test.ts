import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../support/engine.js";
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

describeEngine("postgres", "the example of a container", () => {
  let example: ShopProcess;
  let base: URL;
  const as = (slug: string, user: string, path: string, body?: string) =>
    send(new URL(path, `http://${slug}.localhost:${base.port}`), {
      headers: { "x-user": user, "content-type": "application/json" },
      ...(body === undefined ? {} : { body }),
    });
  const titles = (answer: { json: unknown }) =>
    (answer.json as { title: string }[]).map(({ title }) => title);

  beforeAll(async () => {
    example = startExample("express-container");
    await example.printed(OPEN);
    base = new URL(/http:\/\/acme[^']+/.exec(example.output())![0]);
  });
  afterAll(() => endLeftOver());

  test("runs its service in a job of each tenant", () => {
    expect(example.output()).toContain("nightly: acme Ltd: 1 goals");
    expect(example.output()).toContain("nightly: globex Ltd: 1 goals");
  });

  test("gives two tenants different goals from the same service", async () => {
    expect(titles(await ask(example.line("One tenant's goals")))).toEqual([
      "the first goal of acme",
    ]);
    expect(titles(await ask(example.line("The other one's")))).toEqual([
      "the first goal of globex",
    ]);
  });

  test("knows who is acting, and as what", async () => {
    expect(await ask(example.line("A goal of Ada's"))).toMatchObject({
      status: 201,
      json: { title: "learn", author: "ada" },
    });
    expect(titles(await as("globex", "grace", "/goals"))).not.toContain("learn");
    expect((await as("globex", "ada", "/goals")).status).toBe(404);
  });

  test("a service that was kept answers no later request, of either tenant", async () => {
    const first = await as("acme", "ada", "/kept");
    expect(titles(first)).toContain("the first goal of acme");
    for (const [slug, user] of [
      ["globex", "grace"],
      ["acme", "ada"],
    ] as const)
      expect(await as(slug, user, "/kept")).toMatchObject({
        status: 500,
        json: { code: "PW_CONTAINER_SCOPE" },
      });
  });

  test("stops cleanly", async () => {
    const [, folder = ""] = /database is in ([^;]+);/.exec(example.output()) ?? [];
    expect(processesOf(folder)).not.toEqual([]);
    example.kill("SIGTERM");
    expect(await example.ended).toBe(0);
    await assertNoneLeft(folder);
  });
});
