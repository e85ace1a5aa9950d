/** A way around the wall, as somebody with the rights to do so opens it. */
export interface Hole {
  /** The finding that must tell of it. */
  readonly code: string;
  readonly object: string;
  /** What an administrator does; `$app`, `$system` and `$owner` are the roles, `$db` the database. */
  readonly plant: string;
  readonly undo: string;
  /** Beginnings of the codes that the same hole has as well. */
  readonly also?: readonly string[];
}

/** Every kind of hole that the audit must find, planted one at a time. */
export const HOLES: readonly Hole[] = [
  {
    code: "login-superuser",
    object: "$app",
    plant: "alter role $app superuser",
    undo: "alter role $app nosuperuser",
    // A superuser has every right there is.
    also: ["privilege-", "truncate", "security-definer", "function-leakproof"],
  },
  {
    code: "login-bypassrls",
    object: "$app",
    plant: "alter role $app bypassrls",
    undo: "alter role $app nobypassrls",
    also: ["privilege-role-attributes"],
  },
  {
    code: "login-createrole",
    object: "$app",
    plant: "alter role $app createrole",
    undo: "alter role $app nocreaterole",
    also: ["privilege-role-attributes"],
  },
  {
    code: "login-replication",
    object: "$app",
    plant: "alter role $app replication",
    undo: "alter role $app noreplication",
    also: ["privilege-role-attributes"],
  },
  {
    code: "privilege-role-attributes",
    object: "$app",
    plant: "alter role $app createdb",
    undo: "alter role $app nocreatedb",
  },
  {
    code: "login-owns",
    object: "table public.events_1",
    plant: "alter table events_1 owner to $app",
    undo: "alter table events_1 owner to current_user; revoke all on events_1 from $app; grant select, insert, update, delete on events_1 to $app",
    also: ["truncate"],
  },
  {
    code: "login-owns",
    object: "database $db",
    plant: "alter database $db owner to $app",
    undo: "alter database $db owner to current_user; revoke temporary, create on database $db from $app",
    // The owner of the database owns the schema public too.
    also: ["privilege-temp-tables", "privilege-schema-create"],
  },
  {
    code: "login-owns",
    object: "schema partywall",
    plant: "alter schema partywall owner to $app",
    undo: "alter schema partywall owner to current_user; revoke create on schema partywall from $app; grant usage on schema partywall to $app",
    also: ["privilege-schema-create"],
  },
  {
    code: "login-owns",
    object: "function partywall.tenant_uuid()",
    plant: "alter function partywall.tenant_uuid() owner to $app",
    undo: "alter function partywall.tenant_uuid() owner to $owner; grant execute on function partywall.tenant_uuid() to $app",
  },
  {
    code: "login-member",
    object: "pg_read_all_data",
    plant: "grant pg_read_all_data to $app",
    undo: "revoke pg_read_all_data from $app",
    also: ["seals-reachable", "privilege-prepared-statements", "sequence-readable"],
  },
  {
    code: "seal-parameter",
    object: "backtrace_functions",
    plant: "grant set on parameter backtrace_functions to $app",
    undo: "revoke set on parameter backtrace_functions from $app",
  },
  {
    code: "seals-reachable",
    object: "partywall.seals",
    plant: "grant select (tenant) on partywall.seals to $app",
    undo: "revoke select (tenant) on partywall.seals from $app",
  },
  {
    code: "row-security-off",
    object: "public.notes",
    plant: "alter table notes no force row level security",
    undo: "alter table notes force row level security",
  },
  {
    code: "row-security-off",
    object: "public.events_1",
    plant: "alter table events_1 disable row level security",
    undo: "alter table events_1 enable row level security",
  },
  {
    // Attached later, and granted before it had policies.
    code: "row-security-off",
    object: "public.events_2",
    plant:
      "create table events_2 partition of events for values in (2); grant select on events_2 to $app",
    undo: "drop table events_2",
    also: ["policy-changed"],
  },
  {
    code: "policy-changed",
    object: "public.notes",
    plant: "alter policy partywall_tenant on notes using (true)",
    undo: "rebuild",
  },
  {
    code: "policy-changed",
    object: "public.notes",
    plant: "alter policy partywall_tenant on notes with check (true)",
    undo: "rebuild",
  },
  {
    code: "policy-changed",
    object: "public.notes",
    plant: "alter policy partywall_tenant on notes to $system",
    undo: "rebuild",
  },
  {
    code: "policy-changed",
    object: 'public."Odd ""Name"',
    plant: 'drop policy partywall_tenant on "Odd ""Name"',
    undo: "rebuild",
  },
  {
    code: "table-unwalled",
    object: "public.later",
    plant: "create table later (tenant_id uuid, id int); grant select on later to $app",
    undo: "drop table later",
  },
  {
    // By the name that another table's tenant column has.
    code: "table-unwalled",
    object: "shop.later",
    plant:
      "create schema shop; create table shop.later (org uuid); grant update (org) on shop.later to $app",
    undo: "drop schema shop cascade",
  },
  {
    // Said to be a tenant's, and reached by nobody yet.
    code: "table-unwalled",
    object: "public.declared",
    plant: "create table declared (id int)",
    undo: "drop table declared",
  },
  {
    code: "truncate",
    object: "public.notes",
    plant: "grant truncate on notes to public",
    undo: "revoke truncate on notes from public",
    also: ["grant-public"],
  },
  {
    code: "foreign-key-without-tenant",
    object: "tag_of on public.likes",
    plant: "create table likes (tag uuid constraint tag_of references tags (id) on delete cascade)",
    undo: "drop table likes",
  },
  {
    code: "foreign-key-without-tenant",
    object: "counter_of on public.notes",
    plant:
      "alter table notes add column counter int, add constraint counter_of foreign key (counter) references counters (id)",
    undo: "alter table notes drop column counter",
  },
  {
    code: "unique-without-tenant",
    object: "public.one_body",
    plant: "create unique index one_body on notes (body)",
    undo: "drop index one_body",
  },
  {
    code: "unique-without-tenant",
    object: "public.one_lower",
    plant: "create unique index one_lower on notes (lower(body)) include (tenant_id)",
    undo: "drop index one_lower",
  },
  {
    code: "view-runs-as-owner",
    object: "public.all_notes",
    plant:
      "create view all_notes as select * from own_notes; grant select (body) on all_notes to $app",
    undo: "drop view all_notes",
  },
  {
    code: "view-runs-as-owner",
    object: "public.own_notes",
    plant: "alter view own_notes set (security_invoker = off)",
    undo: "alter view own_notes set (security_invoker = on)",
  },
  {
    code: "materialised-view",
    object: "public.note_copy",
    plant:
      "create materialized view note_copy as select body from notes; grant select on note_copy to public",
    undo: "drop materialized view note_copy",
  },
  {
    code: "security-definer",
    object: "public.peek(integer)",
    plant: "create function peek(int) returns int language sql security definer as 'select 1'",
    undo: "drop function peek(int)",
    also: ["security-definer-path"],
  },
  {
    // In the wall's own schema, but not of the wall.
    code: "security-definer",
    object: "partywall.peek()",
    plant:
      "create function partywall.peek() returns int language sql security definer as 'select 1'",
    undo: "drop function partywall.peek()",
    also: ["security-definer-path"],
  },
  {
    code: "privilege-temp-tables",
    object: "$app",
    plant: "grant temporary on database $db to public",
    undo: "revoke temporary on database $db from public",
  },
  {
    code: "privilege-schema-create",
    object: "$app",
    plant: "grant create on schema public to $app",
    undo: "revoke create on schema public from $app",
  },
  {
    code: "privilege-languages",
    object: "$app",
    plant: "grant usage on language plpgsql to public",
    undo: "revoke usage on language plpgsql from public",
  },
  {
    code: "privilege-large-objects",
    object: "$app",
    plant: "grant execute on function lo_creat(int) to $app",
    undo: "revoke execute on function lo_creat(int) from $app",
  },
  {
    code: "privilege-signal-backends",
    object: "$app",
    plant: "grant execute on function pg_cancel_backend(int) to $app",
    undo: "revoke execute on function pg_cancel_backend(int) from $app",
  },
  {
    code: "privilege-prepared-statements",
    object: "$app",
    plant: "grant select on pg_prepared_statements to $app",
    undo: "revoke select on pg_prepared_statements from $app",
  },
  {
    code: "privilege-track-activities",
    object: "$app",
    plant: "alter role $app reset track_activities",
    undo: "alter role $app set track_activities = off",
  },
  {
    code: "privilege-system-signal",
    object: "$system",
    plant: "revoke pg_signal_backend from $system",
    undo: "grant pg_signal_backend to $system",
  },
  {
    code: "wall-missing",
    object: "partywall.enter(bytea)",
    plant: "drop function partywall.enter(bytea)",
    undo: "rebuild",
  },

  {
    code: "login-member",
    object: "pg_execute_server_program",
    plant: "create role $app_go; grant pg_execute_server_program to $app_go; grant $app_go to $app",
    undo: "drop role $app_go",
  },
  {
    code: "login-member",
    object: "pg_write_server_files",
    plant: "grant pg_write_server_files to $app",
    undo: "revoke pg_write_server_files from $app",
  },
  {
    code: "seals-reachable",
    object: "partywall.seals",
    plant: "grant trigger on partywall.seals to public",
    undo: "revoke trigger on partywall.seals from public",
  },
  {
    code: "setting-seal",
    object: "backtrace_functions of role $app",
    plant: "alter role $app set backtrace_functions = 'pw_61'",
    undo: "alter role $app reset backtrace_functions",
  },
  {
    code: "setting-takes-over",
    object: "role of database $db",
    plant: "alter database $db set role = $system",
    undo: "alter database $db reset role",
  },
  {
    code: "setting-takes-over",
    object: "session_preload_libraries of role $app in database $db",
    plant: "alter role $app in database $db set session_preload_libraries = 'auto_explain'",
    undo: "alter role $app in database $db reset session_preload_libraries",
  },
  {
    code: "setting-misleads",
    object: "search_path of role $app",
    plant: "alter role $app set search_path = elsewhere, public",
    undo: "alter role $app reset search_path",
  },
  {
    code: "setting-misleads",
    object: "row_security of role $app",
    plant: "alter role $app set row_security = off",
    undo: "alter role $app reset row_security",
  },
  {
    code: "seals-logged",
    object: "log_statement=all",
    plant: "alter role $app set log_statement = 'all'",
    undo: "alter role $app reset log_statement; alter role $app reset log_parameter_max_length",
  },
  {
    code: "seals-logged",
    object: "log_min_duration_statement=0",
    plant: "alter database $db set log_min_duration_statement = 0",
    undo: "alter database $db reset log_min_duration_statement; alter role $app reset log_parameter_max_length",
  },
  {
    code: "policy-extra",
    object: "anyone on public.notes",
    plant: "create policy anyone on notes for select using (true)",
    undo: "drop policy if exists anyone on notes",
  },
  {
    code: "policy-extra",
    object: "partywall_app on public.notes",
    plant: "alter policy partywall_app on notes to public",
    undo: "rebuild",
  },
  {
    code: "policy-extra",
    object: "partywall_across on public.notes",
    plant: "alter policy partywall_across on notes to $app, $system",
    undo: "rebuild",
  },
  {
    code: "policy-changed",
    object: "public.notes",
    plant:
      "drop policy partywall_tenant on notes; create policy partywall_tenant on notes for all to $app using (tenant_id = (select partywall.tenant_uuid())) with check (tenant_id = (select partywall.tenant_uuid()))",
    undo: "rebuild",
    also: ["policy-extra"],
  },
  {
    code: "parent-unwalled",
    object: "public.ancestors",
    plant:
      "create table ancestors (body text); alter table notes inherit ancestors; grant select on ancestors to $app",
    undo: "alter table notes no inherit ancestors; drop table ancestors",
  },
  {
    code: "row-security-off",
    object: "public.children",
    plant: "create table children () inherits (notes); grant select on children to $app",
    undo: "drop table children",
    also: ["policy-changed"],
  },
  {
    code: "row-security-off",
    object: "public.far",
    plant:
      "create extension postgres_fdw; create server elsewhere foreign data wrapper postgres_fdw; create foreign table far partition of events for values in (9) server elsewhere; grant select on far to $app",
    undo: "drop extension postgres_fdw cascade",
    also: ["policy-changed", "extension-reaches-out"],
  },
  {
    code: "table-trigger",
    object: "public.notes",
    plant: "grant trigger on notes to $app",
    undo: "revoke trigger on notes from $app",
  },
  {
    code: "table-references",
    object: "public.notes",
    plant: "grant references (id) on notes to $app",
    undo: "revoke references (id) on notes from $app",
  },
  {
    code: "grant-option",
    object: "public.notes",
    plant: "grant select on notes to $app with grant option",
    undo: "revoke grant option for select on notes from $app",
  },
  {
    code: "grant-public",
    object: "public.notes",
    plant: "grant select (body) on notes to public",
    undo: "revoke select (body) on notes from public",
  },
  {
    code: "default-privileges",
    object: "tables that $system makes in public",
    plant:
      "alter default privileges for role $system in schema public grant select on tables to $app",
    undo: "alter default privileges for role $system in schema public revoke select on tables from $app",
  },
  {
    code: "default-privileges",
    object: "tables that $system makes, for PUBLIC",
    plant: "alter default privileges for role $system grant select on tables to public",
    undo: "alter default privileges for role $system revoke select on tables from public",
  },
  {
    code: "sequence-readable",
    object: 'public."Odd ""Name_id_seq"',
    plant: `grant select on sequence "Odd ""Name_id_seq" to $app`,
    undo: `revoke select on sequence "Odd ""Name_id_seq" from $app`,
  },
  {
    code: "sequence-readable",
    object: "public.counters_id_seq",
    plant: "grant update on sequence counters_id_seq to public",
    undo: "revoke update on sequence counters_id_seq from public",
  },
  {
    code: "sequence-shared",
    object: 'public."Odd ""Name_id_seq"',
    plant: `create table odd_copy (like "Odd ""Name" including all)`,
    undo: "drop table odd_copy",
  },
  {
    code: "tenant-nullable",
    object: "public.counters",
    plant: "alter table counters alter column tenant_id drop not null",
    undo: "alter table counters alter column tenant_id set not null",
  },
  {
    code: "tenant-default",
    object: "public.counters",
    plant: "alter table counters alter column tenant_id drop default",
    undo: "rebuild",
  },
  {
    code: "tenant-default",
    object: 'public."Odd ""Name"',
    plant: `alter table "Odd ""Name" alter column org set default '00000000-0000-0000-0000-000000000001'`,
    undo: "rebuild",
  },
  {
    code: "index-missing",
    object: "public.counters",
    plant: "drop index counters_tenant_id_idx",
    undo: "drop index if exists counters_tenant_id_idx; create index counters_tenant_id_idx on counters (tenant_id)",
  },
  {
    code: "index-not-leakproof",
    object: "public.by_price",
    plant:
      "alter table notes add column price numeric; create index by_price on notes (tenant_id, price)",
    undo: "alter table notes drop column price",
  },
  {
    code: "index-not-leakproof",
    object: "public.by_facts",
    plant:
      "alter table notes add column facts jsonb; create index by_facts on notes using gin (facts)",
    undo: "alter table notes drop column facts",
  },
  {
    code: "unique-without-tenant",
    object: "public.no_two",
    plant:
      "alter table notes add column span int4range, add constraint no_two exclude using gist (span with &&)",
    undo: "alter table notes drop column span",
    also: ["index-not-leakproof"],
  },
  {
    code: "foreign-key-nulls-tenant",
    object: "tag_of on public.notes",
    plant:
      "alter table notes add column tag uuid, add constraint tag_of foreign key (tenant_id, tag) references tags (tenant_id, id) on delete set null",
    undo: "alter table notes drop column tag",
  },
  {
    code: "security-definer-path",
    object: "public.peek()",
    plant: "create function peek() returns int language sql security definer as 'select 1'",
    undo: "drop function peek()",
    also: ["security-definer"],
  },
  {
    code: "function-leakproof",
    object: "public.loud(text)",
    plant:
      "create function loud(text) returns boolean language plpgsql leakproof as 'begin raise notice ''%'', $1; return true; end'",
    undo: "drop function loud(text)",
  },
  {
    code: "wall-function-changed",
    object: "partywall.tenant_uuid()",
    plant:
      "create or replace function partywall.tenant_uuid() returns uuid language plpgsql stable parallel safe as 'begin return current_setting(''app.tenant''); end'",
    undo: "rebuild",
  },
  {
    code: "wall-function-changed",
    object: "partywall.enter(bytea)",
    plant: "alter function partywall.enter(bytea) set search_path = public",
    undo: "rebuild",
  },
  {
    code: "wall-owner-login",
    object: "$owner",
    plant: "alter role $owner login",
    undo: "alter role $owner nologin",
  },
  {
    code: "rule-bypasses-policies",
    object: "r on public.notes",
    plant: "create rule r as on delete to notes do also delete from tags where note = old.id",
    undo: "drop rule r on notes",
  },
  {
    code: "rule-unconfined",
    object: "r on public.notes",
    plant:
      "alter table notes owner to $owner; create rule r as on delete to notes do also delete from tags where note = old.id",
    undo: "drop rule r on notes; alter table notes owner to current_user",
  },
  {
    code: "rule-fired-by-foreign-key",
    object: "r on public.tags",
    plant:
      "alter table tags add constraint fires foreign key (tenant_id, note) references notes (tenant_id, id) on delete cascade; create rule r as on delete to tags do also insert into counters default values",
    undo: "drop rule r on tags; alter table tags drop constraint fires",
  },
  {
    code: "trigger-fired-by-foreign-key",
    object: "counted on public.tags",
    plant:
      "alter table tags add constraint fires foreign key (tenant_id, note) references notes (tenant_id, id) on delete cascade; create function counted() returns trigger language plpgsql as 'begin update counters set id = default where id = old.note; return old; end'; create trigger counted before delete on tags for each row execute function counted()",
    undo: "drop function counted() cascade; alter table tags drop constraint fires",
  },
  {
    code: "trigger-definer",
    object: "watch on public.notes",
    plant:
      "create function watch() returns trigger language plpgsql security definer as 'begin return new; end'; revoke execute on function watch() from public; create trigger watch before insert on notes for each row execute function watch()",
    undo: "drop function watch() cascade",
  },
  {
    code: "event-trigger",
    object: "on_ddl",
    plant:
      "create function on_ddl() returns event_trigger language plpgsql as 'begin end'; alter function on_ddl() owner to $system; create event trigger on_ddl on ddl_command_end execute function on_ddl()",
    undo: "drop event trigger on_ddl; drop function on_ddl()",
  },
  {
    code: "server-files",
    object: "pg_catalog.pg_read_file(text)",
    plant: "grant execute on function pg_read_file(text) to $app",
    undo: "revoke execute on function pg_read_file(text) from $app",
  },
  {
    code: "server-files",
    object: "pg_catalog.lo_import(text)",
    plant: "grant execute on function lo_import(text) to public",
    undo: "revoke execute on function lo_import(text) from public",
  },
  {
    code: "statistics-reset",
    object: "pg_catalog.pg_stat_reset()",
    plant: "grant execute on function pg_stat_reset() to $app",
    undo: "revoke execute on function pg_stat_reset() from $app",
  },
  {
    code: "extension-reaches-out",
    object: "dblink",
    plant: "create extension dblink",
    undo: "drop extension dblink",
    also: ["foreign-data-wrapper"],
  },
  {
    code: "foreign-server",
    object: `"Else ""Where"`,
    plant:
      'create foreign data wrapper out_there; create server "Else ""Where" foreign data wrapper out_there; grant usage on foreign server "Else ""Where" to $app',
    undo: "drop foreign data wrapper out_there cascade",
  },
  {
    code: "foreign-data-wrapper",
    object: "out_there",
    plant:
      "create foreign data wrapper out_there; grant usage on foreign data wrapper out_there to public",
    undo: "drop foreign data wrapper out_there",
  },
  {
    code: "language-usable",
    object: "plother",
    plant:
      "create trusted language plother handler plpgsql_call_handler inline plpgsql_inline_handler",
    undo: "drop language plother",
  },
  {
    code: "statements-visible",
    object: "public.pg_stat_statements",
    plant: "create extension pg_stat_statements",
    undo: "drop extension pg_stat_statements",
  },
  {
    code: "publication",
    object: "feed",
    plant: "create publication feed for table notes",
    undo: "drop publication feed",
  },
  {
    code: "publication",
    object: "feed",
    plant: "create publication feed for all tables",
    undo: "drop publication feed",
  },
  {
    code: "truncate",
    object: 'public."Odd ""Name"',
    plant: `grant truncate on "Odd ""Name" to $app`,
    undo: `revoke truncate on "Odd ""Name" from $app`,
  },
  {
    code: "materialised-view",
    object: `public."50% ""{login}"" ü"`,
    plant: `create materialized view "50% ""{login}"" ü" as select 1 from notes; grant select on "50% ""{login}"" ü" to $app`,
    undo: `drop materialized view "50% ""{login}"" ü"`,
  },
  // In tenants' own schemas.
  {
    code: "home-policy-changed",
    object: "home_a.notes",
    plant:
      "alter policy partywall_home on home_a.notes using (true or (select partywall.home_text()) = '11111111-1111-4111-8111-111111111111')",
    undo: "rebuild",
  },
  {
    code: "home-policy-changed",
    object: "home_a.notes",
    plant:
      "alter policy partywall_home on home_a.notes using ((select partywall.home_text()) = '22222222-2222-4222-8222-222222222222') with check ((select partywall.home_text()) = '22222222-2222-4222-8222-222222222222')",
    undo: "rebuild",
  },
  {
    code: "home-policy-changed",
    object: "home_a.notes",
    plant: "drop policy partywall_home on home_a.notes",
    undo: "rebuild",
  },
  {
    code: "row-security-off",
    object: "home_b.notes",
    plant: "alter table home_b.notes no force row level security",
    undo: "rebuild",
  },
  {
    // Made by a migration, and not put behind the wall.
    code: "home-policy-changed",
    object: "home_b.new_table",
    plant: "create table home_b.new_table (id int); grant select on home_b.new_table to $app",
    undo: "drop table home_b.new_table",
    also: ["row-security-off"],
  },
  {
    code: "policy-changed",
    object: "home_b.notes",
    plant: "comment on schema home_b is null",
    undo: "rebuild",
    also: ["unique-without-tenant", "tenant-default", "index-missing"],
  },
  {
    code: "home-column-free",
    object: "home_b.notes",
    plant: "alter table home_b.notes drop constraint partywall_home",
    undo: "rebuild",
  },
  {
    code: "home-column-free",
    object: "home_b.notes",
    plant:
      "alter table home_b.notes drop constraint partywall_home, add constraint partywall_home check (true or tenant_id = '22222222-2222-4222-8222-222222222222')",
    undo: "alter table home_b.notes drop constraint if exists partywall_home; alter table home_b.notes add constraint partywall_home check (tenant_id = '22222222-2222-4222-8222-222222222222')",
  },
  {
    code: "foreign-key-without-tenant",
    object: "notes_id_fkey on home_b.notes",
    plant: "alter table home_b.notes add foreign key (id) references home_a.notes (id)",
    undo: "alter table home_b.notes drop constraint notes_id_fkey",
  },
  {
    code: "truncate",
    object: "home_a.notes",
    plant: "grant truncate on home_a.notes to $app",
    undo: "revoke truncate on home_a.notes from $app",
  },
  {
    code: "view-runs-as-owner",
    object: "home_a.own_notes",
    plant: "alter view home_a.own_notes reset (security_invoker)",
    undo: "rebuild",
  },
  {
    code: "policy-extra",
    object: "everybody on home_a.notes",
    plant: "create policy everybody on home_a.notes using (true)",
    undo: "drop policy if exists everybody on home_a.notes",
  },
];
