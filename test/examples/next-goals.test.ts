import { expect, test } from "vitest";
import { describeEngine } from "../support/engine.js";
import { send, type Answer } from "./example-process.js";
import { goalsExample } from "./goals-example.js";

describeEngine("postgres", "the example of Next.js", () => {
  const example = goalsExample("next-goals", 300_000);
  const { asked, titles, expectCleanStop, expectForbiddenAsUnknown } = example;
  // What a reader sees: the scripts hold the page once more.
  const text = (answer: Answer) =>
    answer.text.replaceAll(/<script[\s\S]*?<\/script>|<!--.*?-->/g, "").replaceAll(/<[^>]*>/g, " ");
  const page = (slug: string, user: string) => example.as(slug, user);

  test("gives two tenants different rows from the same page, in layout, page and what is cached", async () => {
    const [ours, theirs] = [
      text(await asked("One tenant's page")),
      text(await asked("The other one's")),
    ];
    for (const [mine, slug, other] of [
      [ours, "acme", "globex"],
      [theirs, "globex", "acme"],
    ] as const) {
      expect(mine).toContain(`${slug} Ltd`);
      expect(mine).toContain(`the first goal of ${slug}`);
      expect(mine).toContain("1 goals by the example");
      expect(mine).not.toContain(other);
    }
  });

  test("the prerendered part is everybody's, and holds nothing of a tenant", async () => {
    const stranger = await page("acme", "mallory");
    expect(text(stranger)).toContain("Goals");
    expect(stranger.text).not.toContain("the first goal");
    expect(stranger.text).not.toContain("acme Ltd");
  });

  test("a route handler gives each tenant its own", async () => {
    const [ours, theirs] = [
      await asked("One tenant's goals"),
      await asked("The other one's goals"),
    ];
    expect(ours.json).toMatchObject({ tenant: "acme Ltd" });
    expect(titles(ours)).toEqual(["the first goal of acme"]);
    expect(titles(theirs)).toEqual(["the first goal of globex"]);
  });

  test("a server action writes into the tenant of its own address, and renews what that tenant has cached", async () => {
    const form = (await page("acme", "ada")).text;
    const data = new FormData();
    for (const [, name = "", value = ""] of form.matchAll(
      /<input[^>]*name="(\$[^"]+)"(?:[^>]*value="([^"]*)")?/g,
    ))
      data.append(name, value);
    expect([...data.keys()]).not.toEqual([]);
    data.append("title", "learn");
    const sent = new Response(data);
    const body = await sent.text();
    const headers = { "content-type": sent.headers.get("content-type")! };
    const to = (slug: string) => example.at(slug);

    const written = await send(to("acme"), { headers: { ...headers, "x-user": "ada" }, body });
    expect(written.status).toBe(200);
    const refused = await send(to("globex"), { headers: { ...headers, "x-user": "ada" }, body });
    expect(refused.status).toBe(404);

    const [ours, theirs] = [text(await page("acme", "ada")), text(await page("globex", "grace"))];
    expect(ours).toContain("2 goals by the example and ada");
    expect(ours).toContain("learn");
    expect(theirs).toContain("1 goals by the example");
    expect(theirs).not.toContain("learn");
  });

  test("keeps interleaved requests of two tenants apart under load", async () => {
    await Promise.all(
      Array.from({ length: 60 }, async (_, at) => {
        const [slug, user, other] =
          at % 2 === 0
            ? (["acme", "ada", "globex"] as const)
            : (["globex", "grace", "acme"] as const);
        const { text: whole } = await page(slug, user);
        expect(whole).toContain(`the first goal of ${slug}`);
        expect(whole).not.toContain(other);
      }),
    );
  });

  test("a tenant that is not yours answers as one that does not exist", () =>
    expectForbiddenAsUnknown());

  test("a cache that all tenants share is refused, and the log names the helper", async () => {
    const wrong = await asked("A cache that all tenants share");
    expect(wrong.status).toBe(500);
    expect(wrong.text).not.toContain("the first goal");
    await expect.poll(() => example.output()).toContain("cache(fn, keys) of tenancy()");
  });

  test("every printed line has been asked by a test here", () => {
    expect(example.output().match(/^curl /gm)).toHaveLength(7);
  });

  test("stops cleanly", async () => {
    await expectCleanStop();
    await expect(page("acme", "ada")).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });
});
