import type { Check, Found, NotSeen } from "../check.js";
import { countCrossing } from "../crossing.js";
import { asked, type Look } from "../look.js";
import type { ReferenceEnd } from "../reference.js";

interface Reference {
  readonly from: ReferenceEnd;
  readonly to: readonly ReferenceEnd[];
  /** Whether somebody wrote it down, rather than a schema. */
  readonly isNamed: boolean;
}

/** Documents that name documents of another tenant. */
export const referenceChecks: readonly Check[] = [
  {
    code: "reference-crosses-tenants",
    severity: "high",
    why: "{object} leads to documents of other tenants ({detail}). Through the guard that leads nowhere; whoever follows it in a system scope or a report joins two tenants.",
    fix: "Find out which of the two is wrong, and mend it in a system scope.",
    readsDocuments: true,
    find: async (look) => {
      const { references, untold } = described(look);
      const found: (Found | NotSeen)[] = [...untold];
      for (const database of look.subject.databases) {
        const there = new Set((await look.collectionsOf([database])).map(({ name }) => name));
        for (const reference of references) {
          found.push(...(await crossing(look, database, reference, there)));
        }
      }
      return found;
    },
  },
];

async function crossing(
  look: Look,
  database: string,
  { from, to, isNamed }: Reference,
  there: ReadonlySet<string>,
): Promise<readonly (Found | NotSeen)[]> {
  const ends = to.filter(({ collection }) => there.has(collection));
  const [end, ...more] = to;
  const where =
    more.length === 0 ? `${end!.collection}.${end!.path}` : `one of ${to.length} collections`;
  const object = `${database}.${from.collection}.${from.path} to ${where}`;
  if (!there.has(from.collection) || ends.length === 0) {
    // A model's collection may be still to come; a name that was written down may be mistaken.
    return isNamed ? [{ object, unseen: "there is no such collection" }] : [];
  }
  return asked(object, async () => {
    const count = await countCrossing(look, database, from, ends);
    const detail = count === 1 ? "1 reference" : `${count} references`;
    return count === 0 ? [] : [{ object, detail }];
  });
}

function described({ subject }: Look): {
  readonly references: readonly Reference[];
  readonly untold: readonly NotSeen[];
} {
  const { references, models, isShared } = subject;
  const all: Reference[] = references.map(({ from, to }) => ({ from, to: [to], isNamed: true }));
  const untold: NotSeen[] = [];
  for (const { from, to } of models.flatMap((source) =>
    source.connections().flatMap((connection) => connection.references),
  )) {
    const object = `${from.collection}.${from.path}`;
    if (to !== undefined) all.push({ from, to, isNamed: false });
    else untold.push({ object, unseen: "its schema does not tell what it points to" });
  }
  // What is nobody's has no tenant to differ.
  const between = all
    .filter(({ from }) => !isShared(from.collection))
    .map((one) => ({ ...one, to: one.to.filter(({ collection }) => !isShared(collection)) }))
    .filter(({ to }) => to.length > 0);
  // Several models of one collection have the same paths.
  const distinct = new Map(between.map((one) => [JSON.stringify(one), one]));
  return { references: [...distinct.values()], untold };
}
