import { expect, test } from "vitest";
import { ROOT, runNode } from "./run.js";

const fixture = (env: Record<string, string>) =>
  runNode(
    [
      `${ROOT}node_modules/vitest/vitest.mjs`,
      "run",
      "--config",
      "test/house/fixtures/missing-engine/vitest.config.ts",
    ],
    { PARTYWALL_TEST_POSTGRES_URL: "none", PARTYWALL_REQUIRE: "", ...env },
  );

test("a suite whose engine is missing is skipped and named at the end of the run", async () => {
  const { code, output } = await fixture({});
  expect(code, output).toBe(0);
  expect(output).toMatch(/1 passed \| 1 skipped/);
  const end = output.slice(output.indexOf("Suites skipped because what they need is missing"));
  expect(end).toContain(
    "needs-postgres.test.ts > a suite that needs postgres (no postgres: PARTYWALL_TEST_POSTGRES_URL is none)",
  );
});

test.each(["all", "postgres", "mysql,postgres"])(
  "a missing engine fails the run under PARTYWALL_REQUIRE=%s",
  async (required) => {
    const { code, output } = await fixture({ PARTYWALL_REQUIRE: required });
    expect(code, output).toBe(1);
    expect(output).toContain("PARTYWALL_REQUIRE asks for postgres, and it is missing");
    expect(output).not.toContain("Suites skipped");
  },
);

test("a missing engine that is not asked for does not fail the run", async () => {
  const { code, output } = await fixture({ PARTYWALL_REQUIRE: "mysql" });
  expect(code, output).toBe(0);
});
