import { beforeEach, expect, test } from "vitest";
import { describeMongo } from "../../support/mongo.js";
import { collectionsIn, indexesOf, markOf, newcomer, openHomes } from "./homes.js";
import { atEveryMoment, killedAt, type Job } from "./in-process.js";

const COLLECTIONS = [
  { name: "orders", indexes: [{ key: { number: 1 }, unique: true, name: "number_1" }] },
  { name: "customers" },
];

describeMongo("a process that is killed at its work on a home", (mongo) => {
  let site: ReturnType<typeof openHomes>;
  beforeEach(() => {
    site = openHomes(mongo);
  });

  test("leaves it half made, and the next one makes it whole", async () => {
    const commands = await atEveryMoment(async (number) => {
      const home = site.home();
      const tenant = newcomer(home);
      const job: Job = {
        do: "provision",
        admin: site.admin,
        realm: "default",
        tenant,
        collections: COLLECTIONS,
      };
      const command = await killedAt(job, number);
      const stranger = { ...newcomer(), placement: tenant.placement };
      // Nobody else gets what is not its own, however far it had come.
      if ((await markOf(home)) !== null) {
        await expect(site.homes().provision(stranger)).rejects.toMatchObject({
          code: "PW_PLACEMENT",
        });
      }
      await site.homes({ collections: COLLECTIONS }).provision(tenant);
      expect(await markOf(home)).toEqual({
        realm: "default",
        tenantId: tenant.id,
        stage: "home",
      });
      expect(await collectionsIn(home)).toEqual(["customers", "orders", "partywall.home"]);
      expect(await indexesOf(home, "orders")).toEqual(["_id", "number!"]);
      return command;
    });
    expect(commands).toContain("insert");
    expect(commands).toContain("create");
    expect(commands.length).toBeGreaterThan(8);
  }, 240_000);

  test("leaves it half taken down, and the next one takes down the rest", async () => {
    const commands = await atEveryMoment(async (number) => {
      const home = site.home();
      const tenant = newcomer(home);
      await site.homes({ collections: COLLECTIONS }).provision(tenant);
      await home.collection("orders").insertOne({ number: 1 });
      const job: Job = {
        do: "deprovision",
        admin: site.admin,
        realm: "default",
        tenant,
        collections: [],
      };
      const command = await killedAt(job, number);
      const gone = { ...tenant, status: "deleted" as const };
      const { dropped } = await site.homes().deprovision(gone, { confirm: tenant.slug });
      expect(dropped).toHaveLength(command === undefined ? 0 : 1);
      expect(await collectionsIn(home)).toEqual([]);
      return command;
    });
    expect(commands).toContain("drop");
    expect(commands).toContain("dropDatabase");
  }, 240_000);
});
