import { planAdoption, runAdoption } from "partywall/adopt";
import { expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { catalogueDifferences, readCatalogue } from "./catalogue.js";
import { entryNamed } from "./entries/index.js";
import { buildHabitat, type Enclosure, type Habitat } from "./habitat.js";
import { unsound } from "./soundness.js";

async function adopt({ options }: Habitat, { adopter }: Enclosure) {
  const plan = await planAdoption(adopter, options());
  expect(plan.obstacles).toEqual([]);
  await runAdoption(adopter, plan);
  return plan;
}

async function within(name: string, use: (habitat: Habitat, adopted: Enclosure) => Promise<void>) {
  const habitat = await buildHabitat(entryNamed(name));
  try {
    const adopted = await habitat.copy();
    await adopt(habitat, adopted);
    await use(habitat, adopted);
  } finally {
    await habitat.close();
  }
}

const NAMES = [
  "serial",
  "uuid-key",
  "int-without-default",
  "composite-foreign-key",
  "shared-sequence",
  "view-grouped-by-kept-key",
  "list-partitions",
  "inheritance",
  "no-overlap",
  "longest-names",
  "tenant-column-with-default",
  "tenant-through-a-parent",
  "policies-of-the-application",
  "publication-of-columns",
];

describeEngine("postgres", "a schema that is adopted already", () => {
  for (const name of NAMES) {
    test.concurrent(`adopted again, it stays as it is (${name})`, async () => {
      await within(name, async (habitat, adopted) => {
        const before = await readCatalogue(adopted.keeper);
        await adopt(habitat, adopted);
        const differences = catalogueDifferences(before, await readCatalogue(adopted.keeper));
        expect(differences.map(({ line }) => habitat.anonymous(line))).toEqual([]);
      });
    });
  }

  test.concurrent("takes in the tables that came later", async () => {
    await within("serial", async (habitat, adopted) => {
      await adopted.keeper.query(
        `create table notes (id serial primary key, order_id int not null references orders on delete cascade, body text unique);
         create view noted as select o.id, count(n.id) as notes from orders o left join notes n on n.order_id = o.id group by o.id;
         insert into notes (order_id, body) select id, 'note ' || id from orders`,
      );
      const plan = await adopt(habitat, adopted);
      expect(plan.tables.map(({ name }) => name)).toContain("notes");
      expect(await unsound(adopted.keeper, plan, habitat.roles.app)).toEqual([]);
      const as = await habitat.open(adopted);
      const count = "select (select count(*) from notes) + (select sum(notes) from noted) as n";
      const seen = (tenant: string) => as(tenant, async (asker) => (await asker.query(count)).rows);
      const rows = await seen(habitat.first);
      expect(rows).toEqual([{ n: "8" }]);
      expect(await seen(habitat.second)).toEqual([{ n: null }]);
    });
  });
});
