import { expect, test } from "vitest";
import { describeEngine } from "../support/engine.js";
import { send } from "./example-process.js";
import { goalsExample } from "./goals-example.js";

describeEngine("postgres", "the example of NestJS", () => {
  const example = goalsExample("nest-goals");
  const { asked, titles, expectCleanStop, expectForbiddenAsUnknown } = example;

  test("gives two tenants different goals from the same service", async () => {
    const [ours, theirs] = [await asked("One tenant's goals"), await asked("The other one's")];
    expect(ours.json).toMatchObject({ tenant: "acme Ltd" });
    expect(titles(ours)).toEqual(["the first goal of acme"]);
    expect(titles(theirs)).toEqual(["the first goal of globex"]);
  });

  test("knows who is acting, and writes into that tenant only", async () => {
    expect(await asked("A goal of Ada's")).toMatchObject({
      status: 201,
      json: { title: "learn", author: "ada" },
    });
    expect(titles(await asked("One tenant's goals"))).toContain("learn");
    expect(titles(await asked("The other one's"))).not.toContain("learn");
    const { text } = await asked("A stream that counts");
    expect(text.match(/data: 2/g)).toHaveLength(3);
  });

  test("a tenant that is not yours answers as one that does not exist", () =>
    expectForbiddenAsUnknown());

  test("nobody who has not logged in is asked about", async () => {
    expect((await send(example.at("acme", "/goals"))).status).toBe(403);
  });

  test("what has no tenant runs without one, and cannot read a tenant's table", async () => {
    expect(await asked("What has no tenant")).toMatchObject({ json: { ok: true } });
    const wrong = await asked("… and reads a tenant's table");
    expect(wrong.status).toBe(500);
    await expect.poll(() => example.output()).toContain("PW001");
  });

  test("every printed line has been asked by a test here", () => {
    expect(example.output().match(/^curl /gm)).toHaveLength(8);
  });

  test("stops cleanly", async () => {
    await expectCleanStop();
  });
});
