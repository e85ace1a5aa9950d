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

describeEngine("postgres", "the example of NestJS", () => {
  let example: ShopProcess;
  let base: URL;
  const titles = (answer: { json: unknown }) =>
    (answer.json as { goals: { title: string }[] }).goals.map(({ title }) => title);

  beforeAll(async () => {
    example = startExample("nest-goals");
    await example.printed(OPEN);
    base = new URL(/http:\/\/acme[^']+/.exec(example.output())![0]);
  });
  afterAll(() => endLeftOver());

  test("gives two tenants different goals from the same service", async () => {
    const [ours, theirs] = [
      await ask(example.line("One tenant's goals")),
      await ask(example.line("The other one's")),
    ];
    expect(ours.json).toMatchObject({ tenant: "acme Ltd" });
    expect(titles(ours)).toEqual(["the first goal of acme"]);
    expect(titles(theirs)).toEqual(["the first goal of globex"]);
  });

  test("knows who is acting, and writes into that tenant only", async () => {
    expect(await ask(example.line("A goal of Ada's"))).toMatchObject({
      status: 201,
      json: { title: "learn", author: "ada" },
    });
    expect(titles(await ask(example.line("One tenant's goals")))).toContain("learn");
    expect(titles(await ask(example.line("The other one's")))).not.toContain("learn");
    const { text } = await ask(example.line("A stream that counts"));
    expect(text.match(/data: 2/g)).toHaveLength(3);
  });

  test("a tenant that is not yours answers as one that does not exist", async () => {
    const forbidden = await ask(example.line("A tenant that is not Ada's"));
    const unknown = await ask(example.line("… and one that does not exist"));
    expect(forbidden.status).toBe(404);
    const { date: _one, ...headers } = forbidden.headers;
    const { date: _other, ...others } = unknown.headers;
    expect([forbidden.text, headers]).toEqual([unknown.text, others]);
  });

  test("nobody who has not logged in is asked about", async () => {
    expect((await send(new URL("/goals", base))).status).toBe(403);
  });

  test("what has no tenant runs without one, and cannot read a tenant's table", async () => {
    expect(await ask(example.line("What has no tenant"))).toMatchObject({ json: { ok: true } });
    const wrong = await ask(example.line("… and reads a tenant's table"));
    expect(wrong.status).toBe(500);
    await expect.poll(() => example.output()).toContain("PW001");
  });

  test("every printed line has been asked by a test here", () => {
    expect(example.output().match(/^curl /gm)).toHaveLength(8);
  });

  test("stops cleanly", async () => {
    const [, folder = ""] = /database is in ([^;]+);/.exec(example.output()) ?? [];
    expect(processesOf(folder)).not.toEqual([]);
    example.kill("SIGTERM");
    expect(await example.ended).toBe(0);
    await assertNoneLeft(folder);
  });
});
