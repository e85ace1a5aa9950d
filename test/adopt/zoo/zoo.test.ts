import { expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { entryNamed, zoo } from "./entries/index.js";
import { serverVersion } from "./server-version.js";
import { visit } from "./visit.js";

const version = await serverVersion();

/** In milliseconds; several databases are built and dropped for each, on a machine that may be busy. */
const PATIENCE = 120_000;

describeEngine(
  "postgres",
  "the former application has its answers, and no other tenant any",
  () => {
    for (const [group, entries] of Object.entries(zoo)) {
      for (const entry of entries) {
        const title = `${group}: ${entry.trait} (${entry.name})`;
        test.concurrent(
          title,
          { skip: version < (entry.since ?? 0), timeout: PATIENCE },
          async () => {
            const found = await visit(entry);
            expect(found, found.join("\n")).toEqual([]);
          },
        );
      }
    }

    test("every entry has a name of its own", () => {
      const names = Object.values(zoo).flatMap((entries) => entries.map(({ name }) => name));
      expect(new Set(names).size).toBe(names.length);
    });
  },
);

/** What may go another way where the login that adopts is no superuser. */
const AS_OWNER = [
  "serial",
  "int-without-default",
  "expression-unique-index",
  "cyclic-foreign-keys",
  "id-by-trigger",
  "view-grouped-by-replaced-key",
  "materialised-view",
  "definer-trigger",
  "foreign-keys-of-partitions",
  "no-overlap-without-extension",
  "two-schemas",
  "tenant-through-a-parent",
  "policies-of-the-application",
  "another-owner",
  "table-rules",
  "rules-by-id",
  "view-with-rules",
  "publication-of-columns",
  "grants-to-everyone",
  "view-in-a-schema-left-alone",
] as const;

describeEngine("postgres", "the same where the owner adopts, who is no superuser", () => {
  for (const name of AS_OWNER) {
    const entry = entryNamed(name);
    test.concurrent(entry.trait, { timeout: PATIENCE }, async () => {
      const found = await visit(entry, { adopter: "owner" });
      expect(found, found.join("\n")).toEqual([]);
    });
  }

  test.concurrent(
    "what it does not own is told before anything is changed",
    { timeout: PATIENCE },
    async () => {
      const entry = { ...entryNamed("view-of-a-superuser"), obstacles: ["owner"] };
      const found = await visit(entry, { adopter: "owner" });
      expect(found, found.join("\n")).toEqual([]);
    },
  );
});
