import { expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { entryNamed } from "./entries/index.js";
import { visit } from "./visit.js";

/** What an adoption could get wrong, done to a right one, and how the oracle says so. */
const SABOTAGE: readonly (readonly [what: string, name: string, sql: string, told: RegExp])[] = [
  [
    "row security that is not forced",
    "serial",
    "alter table orders no force row level security",
    /orders has no forced row security/,
  ],
  [
    "a policy that is missing",
    "serial",
    "drop policy partywall_tenant on orders",
    /orders has no restrictive policy[^]*the second tenant at first: public\.orders/,
  ],
  [
    "a policy that checks no writes",
    "serial",
    "alter policy partywall_tenant on customers with check (true)",
    /a row can be written for another tenant/,
  ],
  [
    "a foreign key without the tenant",
    "serial",
    "alter table orders drop constraint orders_customer_id_fkey, add constraint orders_customer_id_fkey foreign key (customer_id) references customers (id) on delete cascade",
    /crosses tenants[^]*a row points at another tenant's/,
  ],
  [
    "a foreign key that does less than before",
    "serial",
    "alter table orders drop constraint orders_customer_id_fkey, add constraint orders_customer_id_fkey foreign key (tenant_id, customer_id) references customers (tenant_id, id)",
    /is no longer FOREIGN KEY[^]*delete from customers where name = 'ann'/,
  ],
  [
    "a foreign key that empties the tenant",
    "on-delete-set-null",
    "alter table tasks drop constraint tasks_owner_id_fkey, add constraint tasks_owner_id_fkey foreign key (tenant_id, owner_id) references users (tenant_id, id) on delete set null",
    /would empty the tenant[^]*delete from users where id = 1/,
  ],
  [
    "a foreign key that is left unchecked",
    "foreign-key-to-unique",
    "alter table invites drop constraint invites_email_fkey, add constraint invites_email_fkey foreign key (tenant_id, email) references users (tenant_id, email) on update cascade on delete cascade not valid",
    /invites_email_fkey is no longer/,
  ],
  [
    "a unique key of all tenants together",
    "unique-constraint",
    "alter table users drop constraint users_email_key, add constraint users_email_key unique (email)",
    /unique index of all tenants together[^]*a copy of another tenant's row meets it/,
  ],
  [
    "a unique key that is gone",
    "partial-unique-index",
    "drop index slugs_alive",
    /slugs_alive is gone[^]*expected the error 23505/,
  ],
  [
    "a predicate that lets more through",
    "partial-unique-index",
    "drop index slugs_alive; create unique index slugs_alive on slugs (tenant_id, slug) where deleted_at is null and slug <> 'a'",
    /slugs_alive is no longer/,
  ],
  [
    "a key that is no longer deferrable",
    "deferred-unique",
    "alter table steps drop constraint one_place, add constraint one_place unique (tenant_id, list, position)",
    /one_place is no longer[^]*update steps set position = 2/,
  ],
  [
    "a sequence that is behind",
    "identity-behind",
    "select setval('a_id_seq', 1)",
    /a\.id is a sequence behind the rows/,
  ],
  [
    "a view with its owner's rights",
    "plain-view",
    "alter view open_orders reset (security_invoker)",
    /open_orders is a view that reads with its owner's rights/,
  ],
  [
    "a view that a superuser owns",
    "plain-view",
    "alter view open_orders owner to current_user; alter view open_orders reset (security_invoker)",
    /the second tenant at first: public\.open_orders/,
  ],
  [
    "a materialised view within reach",
    "materialised-view",
    "grant select on totals to @app@",
    /totals is a materialised view that the application can read/,
  ],
  [
    "a partition without the wall",
    "list-partitions",
    "alter table orders_eu no force row level security, disable row level security",
    /orders_eu has no forced row security/,
  ],
  [
    "a row that is lost",
    "no-primary-key",
    "delete from log where at is null and line is null",
    /the first tenant at first/,
  ],
  [
    "a row that is doubled",
    "no-primary-key",
    "insert into log select * from log limit 1",
    /the first tenant at first/,
  ],
  [
    "a row of the wrong tenant",
    "tenant-column-of-two-tenants",
    "update posts set org_id = 1, user_id = 1",
    /the second tenant at first/,
  ],
  [
    "an exclusion across tenants",
    "no-overlap",
    "alter table bookings drop constraint no_overlap, add constraint no_overlap exclude using gist (room with =, during with &&) where (not cancelled)",
    /does not compare the tenant with =[^]*a copy of another tenant's row meets it/,
  ],
  [
    "a comment that is lost",
    "comments",
    "comment on constraint named on a is null",
    /constraint public\.a\.named is no longer/,
  ],
  [
    "a helper that is left behind",
    "serial",
    "alter table orders add constraint helper check (tenant_id is not null)",
    /helper was left behind/,
  ],
  [
    "a right too many",
    "serial",
    "grant truncate on orders to @app@",
    /orders gives the application other rights/,
  ],
  [
    "a right too few",
    "invoker-view",
    "revoke select on price_list from @app@",
    /the first tenant at first: public\.price_list/,
  ],
];

describeEngine("postgres", "the oracle of the schema zoo notices", () => {
  for (const [what, name, sabotage, told] of SABOTAGE) {
    test.concurrent(what, async () => {
      const found = await visit({ ...entryNamed(name), down: false }, { sabotage });
      expect(found.join("\n")).toMatch(told);
    });
  }
});
