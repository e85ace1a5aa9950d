import pg from "pg";
import { applyWall } from "partywall/guards/postgres";
import { expect, test } from "vitest";
import { auditDatabase } from "../../../src/guards/postgres/audit/audit.js";
import {
  FIXED_WEAKNESSES,
  hasWeakness,
} from "../../../src/guards/postgres/audit/fixed-versions.js";
import { mendingScript } from "../../../src/guards/postgres/audit/mending-script.js";
import { describeEngine } from "../../support/engine.js";
import { buildSite } from "./site.js";

const tablesOf = (type: string) => `
create table notes (tenant_id ${type} not null, id int generated always as identity primary key, body text);
create table tags (tenant_id ${type} not null, id serial primary key);
create table events (tenant_id ${type} not null, id int, primary key (tenant_id, id)) partition by hash (id);
create table events_0 partition of events for values with (modulus 2, remainder 0);
create table events_1 partition of events for values with (modulus 2, remainder 1);
create table late_notes (late boolean) inherits (notes);
create table plans (name text primary key);
create view own_notes with (security_invoker = true) as select n.* from notes n cross join plans;
grant select on own_notes to public;`;
const tables = ["notes", "tags", "events"];

describeEngine("postgres", "the audit of walls of every shape", () => {
  test.each(["uuid", "bigint", "text", "varchar(40)"])(
    "finds nothing behind a wall of %s, of either seal",
    async (type) => {
      const site = await buildSite(tablesOf(type));
      try {
        const { app: login, system } = site.roles;
        for (const seal of ["parameter", "mac"] as const) {
          await site.build({ tables, shared: ["plans"], seal });
          const found = await auditDatabase(site.superuser, {
            login,
            system,
            tenantColumn: "tenant_id",
          });
          expect(found, seal).toEqual([]);
        }
      } finally {
        await site.close();
      }
    },
  );

  test("finds only what a builder without superuser rights could not take", async () => {
    const site = await buildSite();
    const builder = `${site.database.name}_builder`;
    const roles = {
      app: `${site.database.name}_login`,
      system: `${site.database.name}_across`,
      owner: `${site.database.name}_wall`,
    };
    await site.superuser.query(
      `create role ${builder} login createrole createdb password 'secret'; alter database ${site.database.name} owner to ${builder}`,
    );
    const client = new pg.Client({ connectionString: site.login(builder) });
    await client.connect();
    try {
      await client.query(
        `create role ${roles.app} login password 'secret'; create role ${roles.system} login password 'secret'`,
      );
      await client.query(tablesOf("uuid"));
      const { missing } = await applyWall(client, { roles, tables, shared: ["plans"] });
      const subject = { login: roles.app, system: roles.system, tenantColumn: "tenant_id" };
      const found = await auditDatabase(client, subject);
      expect(found.map(({ code }) => code).toSorted()).toEqual(
        missing.map(({ code }) => `privilege-${code}`).toSorted(),
      );
      await site.superuser.query(mendingScript(found));
      expect(await auditDatabase(client, subject)).toEqual([]);
    } finally {
      await client.end();
      await site.close();
    }
  });
});

test("a release is outdated until the one that mended its last weakness", () => {
  const of = (version: number) =>
    FIXED_WEAKNESSES.filter((one) => hasWeakness(one, version)).map(({ cve }) => cve);
  expect(of(150002)).toHaveLength(6);
  expect(of(150013)).toEqual(["CVE-2025-8713"]);
  expect(of(160004)).toEqual(["CVE-2024-10976", "CVE-2024-10978", "CVE-2025-8713"]);
  expect(of(170006)).toEqual([]);
  expect(of(180000)).toEqual([]);
});
