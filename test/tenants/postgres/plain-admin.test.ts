import { randomUUID } from "node:crypto";
import pg from "pg";
import { createPartywall, type Placement } from "partywall";
import { applyWall, guardPg, type TenantLogin } from "partywall/guards/postgres";
import { provisioner } from "partywall/tenants";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { testDatabase, urlAs, withClient, type TestDatabase } from "../../support/postgres.js";
import { dropRoles, repeated } from "../../support/roles.js";
import { SECRET } from "../../guards/postgres/world.js";
import { TABLES } from "./grounds.js";

describeEngine("postgres", "provisioning by an admin who is no superuser", () => {
  let database: TestDatabase;
  const made: string[] = [];
  beforeAll(async () => {
    database = await testDatabase();
  });
  afterAll(async () => {
    await withClient(urlAs(database.url, { database: "postgres" }), async (client) => {
      for (const one of made) await client.query(`drop database if exists ${one} with (force)`);
    });
    await database.drop();
    await repeated(() => dropRoles(database));
  });

  test("homes are made, worked in and taken down with CREATEDB and CREATEROLE alone", async () => {
    const { name } = database;
    const roles = { app: `${name}_app`, system: `${name}_system` };
    const admin = urlAs(database.url, { user: `${name}_admin`, password: "secret" });
    await withClient(database.url, async (superuser) => {
      await superuser.query(
        `create role ${name}_admin login createdb createrole password 'secret'`,
      );
      await superuser.query(
        `alter database ${name} owner to ${name}_admin; alter schema public owner to ${name}_admin`,
      );
    });
    await withClient(admin, async (client) => {
      for (const role of Object.values(roles))
        await client.query(`create role ${role} login password 'secret'`);
      await client.query(
        `${TABLES}; create schema template; set search_path = template; ${TABLES}`,
      );
      await client.query("reset search_path");
      await repeated(() =>
        applyWall(client, {
          roles: { ...roles, owner: `${name}_owner` },
          tables: ["customers", "orders"],
        }),
      );
      await client.query(`create database ${name}_template template template0`);
    });
    made.push(`${name}_template`);
    await withClient(urlAs(admin, { database: `${name}_template` }), (client) =>
      client.query(TABLES),
    );
    const secrets = new Map<string, TenantLogin>();
    const homes = provisioner(pg, {
      admin,
      roles,
      template: { schema: { schema: "template" }, database: { database: `${name}_template` } },
      storeSecret: (reference, login) => void secrets.set(reference, login),
    });
    const login = (role: string) => urlAs(database.url, { user: role, password: "secret" });
    const pw = createPartywall({
      realm: name,
      secret: SECRET,
      postgres: guardPg(pg, {
        app: login(roles.app),
        system: login(roles.system),
        credentials: (reference) => secrets.get(reference)!,
        expelGraceMs: 500,
      }),
      provision: homes.provision,
    });
    try {
      for (const strategy of ["schema", "database"] as const) {
        const home = `${name}_${strategy}`;
        if (strategy === "database") made.push(home);
        const placement: Placement = { strategy, name: home, secret: `vault/${strategy}` };
        const { id } = await pw.tenants.create({
          id: randomUUID(),
          slug: strategy,
          name: "Own",
          placement,
        });
        const { rows } = await pw.run(id, () =>
          pw.postgres.pool.query(
            "insert into orders (note) values ('mine') returning tenant_id, id",
          ),
        );
        expect(rows).toEqual([{ tenant_id: id, id: 1 }]);
        await homes.provision({ id, slug: strategy, placement });
        const suspended = await pw.tenants.suspend(id);
        expect(await homes.deprovision(suspended, { confirm: strategy })).toEqual({
          dropped: [`${strategy} "${home}"`, `role "${home}_login"`],
          kept: [],
        });
      }
    } finally {
      await pw.close();
    }
  });
});
