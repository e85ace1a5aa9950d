import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../support/engine.js";
import {
  ask,
  assertNoneLeft,
  endLeftOver,
  processesOf,
  send,
  startExample,
  type Answer,
  type ShopProcess,
} from "./shop-process.js";

const OPEN = "Ctrl-C stops it";

describeEngine("postgres", "the example of Next.js", () => {
  let example: ShopProcess;
  let base: URL;
  const titles = (answer: { json: unknown }) =>
    (answer.json as { goals: { title: string }[] }).goals.map(({ title }) => title);
  // What a reader sees: the scripts hold the page once more.
  const text = (answer: Answer) =>
    answer.text.replaceAll(/<script[\s\S]*?<\/script>|<!--.*?-->/g, "").replaceAll(/<[^>]*>/g, " ");
  const page = async (slug: string, user: string) =>
    send(new URL("/", `http://${slug}.localhost:${base.port}`), { headers: { "x-user": user } });

  beforeAll(async () => {
    example = startExample("next-goals");
    await example.printed(OPEN);
    base = new URL(/http:\/\/acme[^']+/.exec(example.output())![0]);
  }, 300_000);
  afterAll(() => endLeftOver());

  test("gives two tenants different rows from the same page, in layout, page and what is cached", async () => {
    const [ours, theirs] = [
      text(await ask(example.line("One tenant's page"))),
      text(await ask(example.line("The other one's"))),
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
      await ask(example.line("One tenant's goals")),
      await ask(example.line("The other one's goals")),
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
    const to = (slug: string) => new URL("/", `http://${slug}.localhost:${base.port}`);

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

  test("a tenant that is not yours answers as one that does not exist", async () => {
    const forbidden = await ask(example.line("A tenant that is not Ada's"));
    const unknown = await ask(example.line("… and one that does not exist"));
    expect(forbidden.status).toBe(404);
    const { date: _one, ...headers } = forbidden.headers;
    const { date: _other, ...others } = unknown.headers;
    expect([forbidden.text, headers]).toEqual([unknown.text, others]);
  });

  test("a cache that all tenants share is refused, and the log names the helper", async () => {
    const wrong = await ask(example.line("A cache that all tenants share"));
    expect(wrong.status).toBe(500);
    expect(wrong.text).not.toContain("the first goal");
    await expect.poll(() => example.output()).toContain("cache(fn, keys) of tenancy()");
  });

  test("every printed line has been asked by a test here", () => {
    expect(example.output().match(/^curl /gm)).toHaveLength(7);
  });

  test("stops cleanly", async () => {
    const [, folder = ""] = /database is in ([^;]+);/.exec(example.output()) ?? [];
    expect(processesOf(folder)).not.toEqual([]);
    example.kill("SIGTERM");
    expect(await example.ended).toBe(0);
    await assertNoneLeft(folder);
    await expect(page("acme", "ada")).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });
});
