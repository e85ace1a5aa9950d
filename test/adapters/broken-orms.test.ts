import pg from "pg";
import {
  ormConformance,
  type Author,
  type Capability,
  type OrmSession,
  type OrmSubject,
} from "partywall/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine, engineUrl } from "../support/engine.js";
import { subject } from "./kysely/orm.js";

/** An ORM that does something no ORM may do behind the wall, and the capabilities that must show it. */
interface Broken {
  readonly does: string;
  readonly shownBy: readonly Capability[];
  readonly changes?: Partial<OrmSubject>;
  readonly session?: (sound: OrmSession) => Partial<OrmSession>;
}

const cached = new Map<string, Promise<readonly Author[]>>();
let batch: Promise<readonly { name: string; books: readonly string[] }[]> | undefined;

const BROKEN: readonly Broken[] = [
  {
    does: "keeps rows under the query alone",
    shownBy: ["read", "interleaved"],
    session: (sound) => ({
      authors: () => {
        const kept = cached.get("authors") ?? sound.authors();
        cached.set("authors", kept);
        return kept;
      },
    }),
  },
  {
    does: "reads what several callers ask in one turn for the first of them",
    shownBy: ["nestedRead"],
    session: (sound) => ({
      nestedReads: {
        batched: () => {
          const [read] = Object.values(sound.nestedReads);
          batch ??= read!().finally(() => (batch = undefined));
          return batch;
        },
      },
    }),
  },
  {
    does: "wraps every error in one of its own",
    shownBy: ["noScope", "central", "mismatch", "seal"],
    session: (sound) => {
      const wrapping = (fn: (...args: never[]) => Promise<unknown>) =>
        (async (...args: never[]) => {
          try {
            return await fn(...args);
          } catch (error) {
            throw new Error("Query failed", { cause: error });
          }
        }) as never;
      return { authors: wrapping(sound.authors), createTag: wrapping(sound.createTag) };
    },
  },
  {
    does: "swallows errors",
    shownBy: ["noScope", "foreignRow", "mismatch"],
    session: (sound) => ({
      createBook: (values) =>
        sound.createBook(values).catch(() => ({ id: 0, title: "", pages: 0, authorId: null })),
      createTag: (values) =>
        sound.createTag(values).catch(() => ({ id: 0, label: "", tenantId: "" })),
    }),
  },
  {
    does: "does not roll back",
    shownBy: ["rollback"],
    session: (sound) => ({ transaction: (fn) => fn(sound) }),
  },
  {
    does: "sends a built query in whatever scope comes first",
    shownBy: ["awaitedElsewhere"],
    changes: { pendingRunsFor: "awaiter" },
  },
  {
    does: "takes whatever pool it is given",
    shownBy: ["wiring"],
    changes: { bypass: async () => undefined },
  },
  {
    does: "runs no migration",
    shownBy: ["migrations"],
    changes: { migrate: async () => undefined },
  },
  {
    does: "counts what it has seen",
    shownBy: ["aggregate"],
    session: () => ({ countAuthors: async () => 6 }),
  },
];

type Test = readonly [name: string, run: () => Promise<void>];

/** The suite's tests, to be run one at a time and to fail. */
function collect(one: OrmSubject) {
  const tests: Test[] = [];
  const before: (() => Promise<void>)[] = [];
  const after: (() => Promise<void>)[] = [];
  ormConformance(
    {
      describe: (_, define) => define(),
      test: (name, run) => tests.push([name, run]),
      skip: () => undefined,
      beforeAll: (prepare) => before.push(prepare),
      afterAll: (cleanUp) => after.push(cleanUp),
    },
    { subject: one, pg, admin: () => engineUrl("postgres") },
  );
  return { tests, before, after };
}

describeEngine("postgres", "the conformance suite", () => {
  let behaviour: Broken | undefined;
  const changed = <K extends keyof OrmSubject>(name: K): OrmSubject[K] =>
    behaviour?.changes?.[name] ?? subject[name];
  const suite = collect({
    ...subject,
    get pendingRunsFor() {
      return changed("pendingRunsFor");
    },
    bypass: (...args) => changed("bypass")(...args),
    migrate: async (url) => changed("migrate")?.(url),
    open: async (wiring) => {
      const { session, close } = await subject.open(wiring);
      return {
        close,
        session: () => {
          const sound = session();
          return { ...sound, ...behaviour?.session?.(sound) };
        },
      };
    },
  });
  beforeAll(async () => {
    for (const prepare of suite.before) await prepare();
  });
  afterAll(async () => {
    for (const cleanUp of suite.after) await cleanUp();
  });

  test.each(BROKEN)("finds out an ORM that $does", async (broken) => {
    for (const capability of broken.shownBy) {
      const own = suite.tests.filter(([name]) => name.startsWith(`${capability}: `)).slice(0, 2);
      const outcomes: boolean[] = [];
      for (const [, run] of own) {
        behaviour = undefined;
        await run();
        behaviour = broken;
        cached.clear();
        outcomes.push(
          await run().then(
            () => true,
            () => false,
          ),
        );
      }
      expect(outcomes, `${capability} fails`).toContain(false);
    }
  });
});
