import type { AdoptionPlan } from "partywall/adopt";
import { ask, type Asker } from "./answers.js";
import { contents, holders, really, type Holder } from "./contents.js";
import type { Entry } from "./entry.js";
import { told, type Answers, type Findings } from "./findings.js";
import type { Enclosure, Habitat, TenantAsker } from "./habitat.js";
import { trespasses } from "./neighbours.js";
import { keepOnly, seenWithout } from "./original.js";

/** What an adopted schema is looked at with. */
export interface Look {
  readonly entry: Entry;
  readonly habitat: Habitat;
  readonly findings: Findings;
  readonly plan: AdoptionPlan;
  readonly original: Enclosure;
  readonly adopted: Enclosure;
  /** What the former application was answered before anything was changed. */
  readonly answersAtFirst: Answers;
}

/** Compares what two tenants see and do behind the wall with what the original shows and does. */
export async function lookBehindTheWall(look: Look): Promise<void> {
  const { entry, habitat, findings, plan, original, adopted } = look;
  const { first, second } = habitat;
  const { residents, writes = [], again } = entry;
  const as = await habitat.open(adopted);
  const of = await holders(adopted.keeper, plan);
  const roots = of.filter(({ tenantColumn }) => tenantColumn !== undefined);
  const see = async (asker: Asker): Promise<Answers> =>
    new Map([
      ...(await contents(asker, of, findings.hidden)),
      ...(await findings.questions(asker)),
    ]);
  const compareFirst = async (when: string) => {
    const expected = await see(original.former);
    findings.compare(`the first tenant ${when}`, expected, await as(first, see));
  };
  const firstHolds = () => really(adopted.keeper, of, first, findings.hidden);

  const others = await seenWithout(habitat, original.keeper, roots, residents?.[1].prune, see);
  if (residents) await keepOnly(habitat, original.keeper, residents[0].prune);
  await compareFirst("at first");
  findings.compare("the second tenant at first", others, await as(second, see));

  for (const write of writes) {
    const expected = await findings.send(original.former, write, "commit");
    const actual = await as(first, (asker) => findings.send(asker, write, "commit"));
    findings.compareWrite("behind the wall", write, expected, actual);
    const held = await contents(original.keeper, roots, findings.hidden);
    findings.compare(`what is there after ${write.join("; ")}`, held, await firstHolds());
  }

  findings.add(...(await as(second, (client) => trespasses(adopted.keeper, client, plan, first))));
  const ravaged = async (when: string) => {
    const before = await firstHolds();
    await as(second, (client) => ravage(client, roots));
    findings.compare(`the first tenant's rows, ${when}`, before, await firstHolds());
  };
  await ravaged("the second having changed and deleted all it reached");
  if (again === false) return;
  await loadAgain(look, as);
  await compareFirst("beside the second");
  await ravaged("the second having deleted its own");
}

/** The second tenant loads the same data, and has the answers that the first had when it began. */
async function loadAgain(
  { entry, habitat, findings, answersAtFirst }: Look,
  as: <T>(tenant: string, use: (asker: TenantAsker) => Promise<T>) => Promise<T>,
): Promise<void> {
  const { data = entry.data, ids = "fresh" } = entry.again || {};
  if (data.trim() === "") return;
  try {
    await as(habitat.second, (client) => client.query(habitat.named(data)));
  } catch (error) {
    findings.add(`the data could not be loaded for a second tenant: ${told(error)}`);
    return;
  }
  const comparable = new Set(
    entry.queries.flatMap((query) => {
      if (typeof query === "string") return [query];
      return ids === "same" ? [query.sql] : [];
    }),
  );
  findings.compare(
    "the second tenant, loaded",
    new Map([...answersAtFirst].filter(([sql]) => comparable.has(sql))),
    await as(habitat.second, (asker) => findings.questions(asker)),
  );
}

/** Changes and deletes whatever the client reaches, in several turns since foreign keys have an order. */
async function ravage(client: TenantAsker, of: readonly Holder[]): Promise<void> {
  for (const { sql, tenantColumn } of of) {
    const column = `"${(tenantColumn as string).replaceAll('"', '""')}"`;
    await ask(client, `update ${sql} set ${column} = ${column}`, []);
  }
  for (let turn = 0; turn < 3; turn += 1) {
    for (const { sql } of of) await ask(client, `delete from ${sql}`, []);
  }
}
