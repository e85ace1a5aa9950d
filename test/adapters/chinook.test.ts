import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildChinook, type Chinook } from "../guards/postgres/chinook.js";
import { describeData } from "../support/data.js";
import { describeNode } from "../support/node-version.js";
import { QUESTIONS, type Answers, type Question, type Shopkeeper } from "./chinook/questions.js";

const here = fileURLToPath(new URL(".", import.meta.url));
const ORMS = readdirSync(here).filter((orm) => existsSync(`${here}${orm}/chinook.ts`));
const NEEDS_NODE: Record<string, number> = { lucid: 24 };
const ASKED = Object.keys(QUESTIONS) as Question[];

/** Numbers to the cent, and nothing of an ORM's own classes. */
const plain = (rows: readonly unknown[]): unknown =>
  JSON.parse(JSON.stringify(rows), (_, value: unknown) =>
    typeof value === "number" ? Math.round(value * 100) / 100 : value,
  );

describeData("chinook", "postgres", "Chinook for five tenants", () => {
  let chinook: Chinook;
  const expected = new Map<string, unknown>();
  beforeAll(async () => {
    chinook = await buildChinook();
    for (const { tenant, alone } of chinook.shops) {
      for (const question of ASKED) {
        const { rows } = await alone.query(QUESTIONS[question]);
        expected.set(`${tenant.slug} ${question}`, plain(rows));
      }
    }
  }, 120_000);
  afterAll(() => chinook.close());

  test.each(ASKED)("a leak would show in: %s", (question) => {
    const answers = chinook.shops.map(({ tenant }) => expected.get(`${tenant.slug} ${question}`));
    for (const answer of answers) expect((answer as unknown[]).length).toBeGreaterThan(0);
    // Page and playlists are the same where a shop's rows of them are.
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBeGreaterThan(1);
  });

  for (const orm of ORMS) {
    describeNode(NEEDS_NODE[orm] ?? 20, orm, () => {
      let answers: Answers;
      let close: () => Promise<unknown>;
      beforeAll(async () => {
        const { shopkeeper } = (await import(`./${orm}/chinook.ts`)) as { shopkeeper: Shopkeeper };
        ({ answers, close } = await shopkeeper.open({
          guard: chinook.guard,
          url: chinook.appUrl,
          max: 4,
        }));
      });
      afterAll(() => close());

      test.each(ASKED)("answers each shop as it was answered alone: %s", async (question) => {
        for (const { tenant } of chinook.shops) {
          const rows = await chinook.pw.run(tenant.id, () => answers[question]());
          expect(plain(rows), tenant.slug).toEqual(expected.get(`${tenant.slug} ${question}`));
        }
      });

      test("answers all shops at once", async () => {
        await Promise.all(
          chinook.shops.flatMap(({ tenant }) =>
            ASKED.map(async (question) => {
              const rows = await chinook.pw.run(tenant.id, () => answers[question]());
              expect(plain(rows), `${tenant.slug} ${question}`).toEqual(
                expected.get(`${tenant.slug} ${question}`),
              );
            }),
          ),
        );
      });
    });
  }
});
