/**
 * SQL that is true of a row `g` of `pg_trigger` that the action of a foreign key of its table fires. PostgreSQL runs that as
 * the table's owner and past forced policies, and BEFORE triggers with it; from version 18 on AFTER triggers too.
 *
 * Source: PostgreSQL manual, chapter 5.9 "Row Security Policies", on referential integrity checks.
 */
export const isFiredByForeignKey = `exists (select from pg_catalog.pg_constraint k where k.contype = 'f' and k.conrelid = g.tgrelid
    and (g.tgtype & 8 <> 0 and k.confdeltype = 'c'
      or g.tgtype & 16 <> 0 and (k.confdeltype in ('n', 'd') or k.confupdtype in ('c', 'n', 'd'))))`;

/**
 * SQL that is true of a row `p` of `pg_proc` whose function may read or change rows that are there, as far as its text
 * tells; one that only inserts does not. What is written in another language than PL/pgSQL is taken to.
 */
export const meetsRows = `(select case l.lanname when 'plpgsql' then p.prosrc ~* '\\y(select|update|delete|merge|truncate|perform|execute|call)\\y'
    else l.lanname not in ('internal', 'c') end from pg_catalog.pg_language l where l.oid = p.prolang)`;
