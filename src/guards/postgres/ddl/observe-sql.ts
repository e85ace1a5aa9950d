/** SQLSTATE of the notice that tells of rows a table in rollout let pass. */
export const OBSERVED = "PW101";

/**
 * An SQL condition: whether a rollout has ended, by the clock of the server and not by a time that a transaction or a
 * text of several statements can hold still. Milliseconds, because no setting changes how a number is read.
 */
export function hasEnded(until: string): string {
  return `pg_catalog.clock_timestamp() operator(pg_catalog.>=) pg_catalog.to_timestamp(${until} operator(pg_catalog./) 1000.0)`;
}

/**
 * Lets a row of a table in rollout pass and tells of it, until the rollout has ended. A policy calls it in a sub-select
 * without reference to the row, so that PostgreSQL calls it at the first row in question and keeps the answer for the
 * statement: one notice, and nothing for each further row.
 *
 * Parallel unsafe, because the leader of a parallel plan would call it before any row was seen. The setting that hides
 * notices belongs to the login, hence its own. The notice holds the table, the mode and the kind; no value of a row
 * reaches this function.
 */
export const observeFunction = `create or replace function partywall.observe(target regclass, mode text, kind text, until bigint) returns boolean
language plpgsql volatile strict parallel unsafe set client_min_messages = notice as $wall$
declare s name; t name;
begin
  if ${hasEnded("until")} then
    return false;
  end if;
  if mode operator(pg_catalog.<>) all (array['observe', 'stamp']) or kind operator(pg_catalog.<>) all (array['read', 'write']) then
    raise exception 'partywall.observe() is for the policies of the wall' using errcode = '22023';
  end if;
  select n.nspname, c.relname into s, t from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.relnamespace
    where c.oid operator(pg_catalog.=) target;
  raise notice 'a table in rollout let a row pass that the wall would have kept' using errcode = '${OBSERVED}',
    schema = s, table = t, detail = pg_catalog.concat(mode, ' ', kind);
  return true;
end
$wall$`;
