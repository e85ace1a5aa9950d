import { afterEach, expect, test } from "vitest";
import { runAdoption } from "../../../src/adopt/run/run-adoption.js";
import { describeEngine } from "../../support/engine.js";
import { buildSite, planOf, recorder, step, type Site } from "./site.js";

const ORDERS = `
  create table orders (id int primary key, customer_id int, tenant_id text, updated_at text not null default 'then');
  insert into orders (id) select n from generate_series(1, 10) n;
  create function touch() returns trigger language plpgsql as $$ begin new.updated_at := 'now'; return new; end $$;
  create trigger touch before update on orders for each row execute function touch();`;

const PLAN = planOf(
  step({
    id: "fill",
    phase: "backfill",
    batches: {
      table: '"public"."orders"',
      key: ['"id"'],
      set: "\"tenant_id\" = 'a'",
      where: '"tenant_id" is null',
    },
  }),
);

describeEngine("postgres", "the triggers of a table that is filled", () => {
  const sites: Site[] = [];
  const filled = async (ddl: string, login?: (at: Site) => Promise<string>) => {
    const at = await buildSite(ORDERS + ddl);
    sites.push(at);
    const { of, onProgress } = recorder();
    const client = await at.connect(login && (await login(at)));
    const outcome = await runAdoption(client, PLAN, { onProgress }).then(
      () => "finished",
      (error: { cause?: { code?: string } }) => error.cause?.code,
    );
    return {
      at,
      outcome,
      told: of("triggers"),
      touched: await at.value<boolean>("select bool_or(updated_at = 'now') from orders"),
    };
  };
  afterEach(async () => {
    for (const built of sites.splice(0).toReversed()) await built.close();
  });

  test("do not fire for it, so that nothing but the tenant changes", async () => {
    const { touched, told, outcome } = await filled("");
    expect({ touched, told, outcome }).toEqual({ touched: false, told: [], outcome: "finished" });
  });

  test("nor do its rules", async () => {
    const { at, outcome } = await filled(
      "create table history (id int); create rule keep as on update to orders do also insert into history values (new.id)",
    );
    expect(outcome).toBe("finished");
    expect(await at.value("select count(*)::int from history")).toBe(0);
  });

  test("fire, and it is told, where the login may not keep them quiet", async () => {
    const owner = async (at: Site) => {
      const name = `${at.database.name}_owner`;
      await at.eye
        .query(`create role ${name} login password 'secret'; alter table orders owner to ${name};
        grant create on database ${at.database.name} to ${name}`);
      return name;
    };
    const { touched, told, outcome } = await filled("", owner);
    expect({ touched, outcome }).toEqual({ touched: true, outcome: "finished" });
    expect(told).toMatchObject([
      {
        table: '"public"."orders"',
        names: ["touch"],
        because: expect.stringContaining("may not set"),
      },
    ]);
    const granted = await filled("", async (at) => {
      const name = await owner(at);
      await at.eye.query(`grant set on parameter session_replication_role to ${name}`);
      return name;
    });
    expect({ touched: granted.touched, told: granted.told }).toEqual({ touched: false, told: [] });
    await granted.at.eye.query(
      `revoke all on parameter session_replication_role from ${granted.at.database.name}_owner`,
    );
  });

  test("that fire for every session are told", async () => {
    const { touched, told } = await filled("alter table orders enable always trigger touch");
    expect(touched).toBe(true);
    expect(told).toMatchObject([{ names: ["touch"], because: expect.stringContaining("ALWAYS") }]);
  });

  test("that would fire in a replica only do not", async () => {
    const { touched, told } = await filled(`
      create function fail() returns trigger language plpgsql as $$ begin raise 'replica'; end $$;
      create trigger at_replica before update on orders for each row execute function fail();
      alter table orders enable replica trigger at_replica`);
    expect(touched).toBe(true);
    expect(told).toMatchObject([
      { names: ["touch"], because: expect.stringContaining("at_replica") },
    ]);
  });

  test.each([
    [
      "a foreign key of the tenant's column",
      `create table tenants (id text primary key); insert into tenants values ('b');
       alter table orders add constraint owned foreign key (tenant_id) references tenants (id)`,
      "23503",
    ],
    [
      "a foreign key to the tenant's column",
      `alter table orders add constraint k unique (id, tenant_id); update orders set tenant_id = 'b' where id = 1;
       create table items (order_id int, tenant_id text, constraint owned foreign key (order_id, tenant_id) references orders (id, tenant_id));
       insert into items values (1, 'b'); update orders set updated_at = 'then'`,
      "finished",
    ],
    [
      "a deferrable key with the tenant in it",
      "alter table orders add column code text default 'same', add constraint owned unique (tenant_id, code) deferrable",
      "23505",
    ],
  ])("fire where without them %s would go unchecked", async (_, ddl, expected) => {
    const { told, outcome } = await filled(ddl);
    expect(outcome).toBe(expected);
    expect(told).toMatchObject([{ because: expect.stringContaining("would not check owned") }]);
  });

  test("stay quiet beside checks that do not concern the tenant, or that are still to come", async () => {
    const { touched, told, outcome } = await filled(`
      create table customers (id int primary key, tenant_id text); insert into customers values (1, 'b');
      alter table customers add unique (tenant_id, id);
      update orders set customer_id = 1, updated_at = 'then'; alter table orders disable trigger touch; update orders set updated_at = 'then';
      alter table orders enable trigger touch;
      alter table orders add foreign key (customer_id) references customers (id);
      alter table orders add constraint later foreign key (tenant_id, customer_id) references customers (tenant_id, id) not valid`);
    expect({ touched, told, outcome }).toEqual({ touched: false, told: [], outcome: "finished" });
  });

  test("that adopt itself has put there are nothing to tell of", async () => {
    const { told } = await filled(`
      drop trigger touch on orders;
      create function partywall_assign_orders() returns trigger language plpgsql as $$ begin new.tenant_id := coalesce(new.tenant_id, 'a'); return new; end $$;
      create trigger partywall_assign_orders before insert or update on orders for each row execute function partywall_assign_orders();
      alter table orders enable always trigger partywall_assign_orders`);
    expect(told).toEqual([]);
  });
});
