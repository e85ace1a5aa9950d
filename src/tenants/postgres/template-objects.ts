import { quoteLiteral } from "../../guards/postgres/ddl/identifier.js";

/**
 * How each kind of object of a template is created again, as queries that let PostgreSQL write the statements. They are
 * run with the template alone in `search_path`, so that a name in the template is written without its schema and any
 * other with it; run with the clone alone in `search_path`, the statements then mean the clone.
 *
 * Each takes the template's oid as `$1` and gives `key` (whose the statements are, for the order), `rank` (the order
 * among those that do not need each other) and `sql`.
 */
export const templateObjects = (template: string, clone: string): readonly string[] => [
  // Enums, composites, ranges.
  `select 'pg_type:' || t.oid as key, 0 as rank, case t.typtype
  when 'e' then format('create type %I as enum (%s)', t.typname,
    (select string_agg(quote_literal(enumlabel), ', ' order by enumsortorder) from pg_enum where enumtypid = t.oid))
  when 'c' then format('create type %I as (%s)', t.typname, (select string_agg(format('%I %s%s', a.attname, format_type(a.atttypid, a.atttypmod),
      case when a.attcollation not in (0, y.typcollation) then ' collate ' || a.attcollation::regcollation end), ', ' order by a.attnum)
    from pg_attribute a join pg_type y on y.oid = a.atttypid where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped))
  else (select format('create type %I as range (subtype = %s, subtype_opclass = %I.%I%s%s, multirange_type_name = %I)', t.typname,
      format_type(r.rngsubtype, null), (select nspname from pg_namespace where oid = o.opcnamespace), o.opcname,
      case when r.rngcollation <> 0 then ', collation = ' || r.rngcollation::regcollation end,
      case when r.rngsubdiff <> 0 then ', subtype_diff = ' || r.rngsubdiff::regproc end,
      (select typname from pg_type where oid = r.rngmultitypid))
    from pg_range r join pg_opclass o on o.oid = r.rngsubopc where r.rngtypid = t.oid) end as sql
from pg_type t left join pg_class c on c.oid = t.typrelid
where t.typnamespace = $1 and (t.typtype in ('e', 'r') or t.typtype = 'c' and c.relkind = 'c')`,
  `select 'pg_type:' || t.oid as key, 0 as rank, format('create domain %I as %s%s%s%s', t.typname, format_type(t.typbasetype, t.typtypmod),
  case when t.typcollation <> b.typcollation then ' collate ' || t.typcollation::regcollation end,
  case when t.typdefault is not null then ' default ' || coalesce(pg_get_expr(t.typdefaultbin, 0), quote_literal(t.typdefault)) end,
  case when t.typnotnull then ' not null' end) as sql
from pg_type t join pg_type b on b.oid = t.typbasetype where t.typnamespace = $1 and t.typtype = 'd'`,
  `select 'pg_constraint:' || k.oid as key, 1 as rank, format('alter domain %I add constraint %I %s', t.typname, k.conname, pg_get_constraintdef(k.oid)) as sql
from pg_constraint k join pg_type t on t.oid = k.contypid where t.typnamespace = $1 and k.contype = 'c'`,
  // Functions and procedures: the text names its own schema, and so may its settings.
  `select 'pg_proc:' || p.oid as key, 1 as rank, overlay(d.def placing format('%I(', p.proname)
  from position(d.head in d.def) for length(d.head)) as sql
from pg_proc p cross join lateral (select pg_get_functiondef(p.oid) as def, format('%I.%I(', ${quoteLiteral(template)}, p.proname) as head) d
where p.pronamespace = $1 and p.prokind in ('f', 'p', 'w')`,
  `select 'pg_proc:' || p.oid || ' set' as key, 3 as rank, format('alter routine %s set search_path = %s', p.oid::regprocedure,
  (select string_agg(case when part = quote_ident(${quoteLiteral(template)}) then quote_ident(${quoteLiteral(clone)}) else part end, ', ' order by at)
    from string_to_table(substr(setting, 13), ', ') with ordinality as l (part, at))) as sql
from pg_proc p cross join unnest(p.proconfig) as setting
where p.pronamespace = $1 and p.prokind in ('f', 'p', 'w') and setting like 'search_path=%'`,
  `select 'pg_proc:' || p.oid || ' acl' as key, 3 as rank, concat_ws('; ', format('revoke all on routine %s from public', p.oid::regprocedure),
  (select string_agg(format('grant execute on routine %s to %s', p.oid::regprocedure, case when a.grantee = 0 then 'public' else a.grantee::regrole::text end), '; ')
    from aclexplode(p.proacl) a)) as sql
from pg_proc p where p.pronamespace = $1 and p.prokind in ('f', 'p', 'w') and p.proacl is not null`,
  // Sequences other than those of identity columns, which come with their column.
  `select 'pg_class:' || c.oid as key, 1 as rank, format('create sequence %I as %s increment %s minvalue %s maxvalue %s start %s cache %s %s', c.relname,
  format_type(s.seqtypid, null), s.seqincrement, s.seqmin, s.seqmax, s.seqstart, s.seqcache, case when s.seqcycle then 'cycle' else 'no cycle' end) as sql
from pg_class c join pg_sequence s on s.seqrelid = c.oid where c.relnamespace = $1 and not exists (
  select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'i')`,
  `select 'pg_class:' || c.oid || ' owned' as key, 4 as rank, format('alter sequence %I owned by %I.%I', c.relname, t.relname, a.attname) as sql
from pg_class c join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'a' and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0
join pg_class t on t.oid = d.refobjid join pg_attribute a on a.attrelid = t.oid and a.attnum = d.refobjsubid
where c.relnamespace = $1 and c.relkind = 'S' and t.relnamespace = $1`,
  // Tables, with their generated and identity columns; a partition takes its columns from its parent.
  `select 'pg_class:' || c.oid as key, 2 as rank, concat('create ', case when c.relpersistence = 'u' then 'unlogged ' end, format('table %I ', c.relname),
  case when c.relispartition then format('partition of %s %s', (select inhparent::regclass from pg_inherits where inhrelid = c.oid), pg_get_expr(c.relpartbound, c.oid))
  else format('(%s)', (select string_agg(concat(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)),
      case when a.attcollation not in (0, y.typcollation) then ' collate ' || a.attcollation::regcollation end,
      case when a.attstorage <> y.typstorage and current_setting('server_version_num')::int >= 160000
        then ' storage ' || case a.attstorage when 'p' then 'plain' when 'e' then 'external' when 'm' then 'main' else 'extended' end end,
      case a.attcompression when 'p' then ' compression pglz' when 'l' then ' compression lz4' else '' end,
      case a.attgenerated when 's' then format(' generated always as (%s) stored', pg_get_expr(f.adbin, c.oid))
        when 'v' then format(' generated always as (%s) virtual', pg_get_expr(f.adbin, c.oid)) else '' end,
      case when a.attidentity <> '' then (select format(' generated %s as identity (sequence name %I increment %s minvalue %s maxvalue %s start %s cache %s %s)',
          case a.attidentity when 'a' then 'always' else 'by default' end, s.relname, q.seqincrement, q.seqmin, q.seqmax, q.seqstart, q.seqcache,
          case when q.seqcycle then 'cycle' else 'no cycle' end)
        from pg_sequence q join pg_class s on s.oid = q.seqrelid join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = s.oid
          and d.deptype = 'i' and d.refobjid = c.oid and d.refobjsubid = a.attnum) end,
      case when a.attnotnull then ' not null' end), ', ' order by a.attnum)
    from pg_attribute a join pg_type y on y.oid = a.atttypid left join pg_attrdef f on f.adrelid = c.oid and f.adnum = a.attnum
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attislocal)) end,
  case when not c.relispartition then (select format(' inherits (%s)', string_agg(inhparent::regclass::text, ', ' order by inhseqno))
    from pg_inherits where inhrelid = c.oid having count(*) > 0) end,
  case when c.relkind = 'p' then ' partition by ' || pg_get_partkeydef(c.oid) end,
  case when c.reloptions is not null then format(' with (%s)', array_to_string(c.reloptions, ', ')) end) as sql
from pg_class c where c.relnamespace = $1 and c.relkind in ('r', 'p')`,
  `select 'pg_class:' || c.oid || ' not null' as key, 4 as rank, format('alter table %I alter column %I set not null', c.relname, a.attname) as sql
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and a.attnotnull and not a.attisdropped
where c.relnamespace = $1 and c.relkind in ('r', 'p') and (c.relispartition or not a.attislocal)`,
  `select 'pg_attrdef:' || f.oid as key, 4 as rank, format('alter table %I alter column %I set default %s', c.relname, a.attname, pg_get_expr(f.adbin, f.adrelid)) as sql
from pg_attrdef f join pg_class c on c.oid = f.adrelid join pg_attribute a on a.attrelid = c.oid and a.attnum = f.adnum
where c.relnamespace = $1 and a.attgenerated = ''`,
  // Keys and checks; those that a partition has from its parent come with the parent's.
  `select 'pg_constraint:' || k.oid as key, case k.contype when 'f' then 8 else 6 end as rank,
  format('alter table %I add constraint %I %s', c.relname, k.conname, pg_get_constraintdef(k.oid)) as sql
from pg_constraint k join pg_class c on c.oid = k.conrelid
where c.relnamespace = $1 and k.contype in ('p', 'u', 'x', 'c', 'f') and k.conparentid = 0 and (k.conislocal or k.contype = 'f')
  and k.conname not like 'partywall\\_%' and not exists (select from pg_inherits i where i.inhrelid = k.conindid and k.contype <> 'f')`,
  `select 'pg_class:' || c.oid as key, 7 as rank, replace(pg_get_indexdef(c.oid, 0, true), format('INDEX %I ON ONLY ', c.relname), format('INDEX %I ON ', c.relname)) as sql
from pg_index x join pg_class c on c.oid = x.indexrelid
where c.relnamespace = $1 and not exists (select from pg_inherits i where i.inhrelid = c.oid)
  and not exists (select from pg_constraint k where k.conindid = c.oid and k.contype in ('p', 'u', 'x'))`,
  `select 'pg_class:' || c.oid || ' replica' as key, 9 as rank, format('alter table %I replica identity %s', c.relname,
  case c.relreplident when 'f' then 'full' when 'n' then 'nothing' else
    (select format('using index %I', i.indexrelid::regclass::text) from pg_index i where i.indrelid = c.oid and i.indisreplident) end) as sql
from pg_class c where c.relnamespace = $1 and c.relkind in ('r', 'p') and c.relreplident <> 'd'
  and (c.relreplident <> 'i' or exists (select from pg_index i where i.indrelid = c.oid and i.indisreplident))`,
  `select 'pg_statistic_ext:' || e.oid as key, 9 as rank, replace(pg_get_statisticsobjdef(e.oid), format('STATISTICS %I.%I ', ${quoteLiteral(template)}, e.stxname), format('STATISTICS %I ', e.stxname)) as sql
from pg_statistic_ext e where e.stxnamespace = $1`,
  // Views; what reads another view waits for it.
  `select 'pg_class:' || c.oid as key, 9 as rank, concat(case c.relkind when 'v' then 'create view ' else 'create materialized view ' end, format('%I', c.relname),
  case when c.reloptions is not null then format(' with (%s)', array_to_string(c.reloptions, ', ')) end,
  ' as ', rtrim(pg_get_viewdef(c.oid), ';'), case when c.relkind = 'm' and not c.relispopulated then ' with no data' end) as sql
from pg_class c where c.relnamespace = $1 and c.relkind in ('v', 'm')`,
  `select 'pg_rewrite:' || r.oid as key, 10 as rank, pg_get_ruledef(r.oid, true) as sql
from pg_rewrite r join pg_class c on c.oid = r.ev_class where c.relnamespace = $1 and r.rulename <> '_RETURN'`,
  `select 'pg_trigger:' || t.oid as key, 10 as rank, concat(pg_get_triggerdef(t.oid, true),
  case t.tgenabled when 'D' then format('; alter table %I disable trigger %I', c.relname, t.tgname)
    when 'R' then format('; alter table %I enable replica trigger %I', c.relname, t.tgname)
    when 'A' then format('; alter table %I enable always trigger %I', c.relname, t.tgname) end) as sql
from pg_trigger t join pg_class c on c.oid = t.tgrelid where c.relnamespace = $1 and not t.tgisinternal and t.tgparentid = 0`,
  `select 'pg_policy:' || p.oid as key, 10 as rank, concat(format('create policy %I on %I as %s for %s to %s', p.polname, c.relname,
  case when p.polpermissive then 'permissive' else 'restrictive' end,
  case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
  (select string_agg(case when role = 0 then 'public' else role::regrole::text end, ', ') from unnest(p.polroles) as role)),
  ' using (' || pg_get_expr(p.polqual, p.polrelid) || ')', ' with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')') as sql
from pg_policy p join pg_class c on c.oid = p.polrelid where c.relnamespace = $1 and p.polname not like 'partywall\\_%'`,
  // Owners, where they are not whoever clones: a function that runs with its owner's rights must keep to them.
  `select 'pg_class:' || c.oid || ' owner' as key, 12 as rank, format('alter table %I owner to %s', c.relname, c.relowner::regrole) as sql
from pg_class c where c.relnamespace = $1 and c.relkind in ('r', 'p', 'v', 'm') and c.relowner <> current_user::regrole
union all select 'pg_class:' || c.oid || ' owner', 13, format('alter sequence %I owner to %s', c.relname, c.relowner::regrole)
from pg_class c where c.relnamespace = $1 and c.relkind = 'S' and c.relowner <> current_user::regrole
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('i', 'a'))
union all select 'pg_proc:' || p.oid || ' owner', 12, format('alter routine %s owner to %s', p.oid::regprocedure, p.proowner::regrole)
from pg_proc p where p.pronamespace = $1 and p.prokind in ('f', 'p', 'w') and p.proowner <> current_user::regrole
union all select 'pg_type:' || t.oid || ' owner', 12, format('alter %s %I owner to %s', case t.typtype when 'd' then 'domain' else 'type' end, t.typname, t.typowner::regrole)
from pg_type t left join pg_class c on c.oid = t.typrelid where t.typnamespace = $1 and t.typowner <> current_user::regrole
  and (t.typtype in ('e', 'r', 'd') or t.typtype = 'c' and c.relkind = 'c')`,
  // Comments.
  `select 'comment:' || d.classoid || ':' || d.objoid || ':' || d.objsubid as key, 11 as rank, format('comment on %s is %L', what, d.description) as sql
from pg_description d
join (select 'pg_class'::regclass as class, c.oid, a.attnum as sub, case when a.attnum is not null then format('column %I.%I', c.relname, a.attname)
    else format('%s %I', case c.relkind when 'S' then 'sequence' when 'v' then 'view' when 'm' then 'materialized view' when 'i' then 'index' when 'I' then 'index'
      when 'c' then 'type' else 'table' end, c.relname) end as what
  from pg_class c left join lateral (select attnum, attname from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped
    union all select null, null) a on true
  where c.relnamespace = $1 and not (c.relkind in ('i', 'I') and exists (select from pg_inherits where inhrelid = c.oid))
  union all select 'pg_constraint'::regclass, k.oid, null, format('constraint %I on %I', k.conname, c.relname)
  from pg_constraint k join pg_class c on c.oid = k.conrelid where c.relnamespace = $1 and k.conparentid = 0 and k.contype in ('p', 'u', 'x', 'c', 'f')
    and k.conname not like 'partywall\\_%'
  union all select 'pg_proc'::regclass, oid, null, 'routine ' || oid::regprocedure from pg_proc where pronamespace = $1
  union all select 'pg_type'::regclass, oid, null, format('%s %I', case typtype when 'd' then 'domain' else 'type' end, typname) from pg_type where typnamespace = $1
  union all select 'pg_trigger'::regclass, t.oid, null, format('trigger %I on %I', t.tgname, c.relname)
  from pg_trigger t join pg_class c on c.oid = t.tgrelid where c.relnamespace = $1 and not t.tgisinternal and t.tgparentid = 0) o
on o.class = d.classoid and o.oid = d.objoid and coalesce(o.sub, 0) = d.objsubid`,
];

/** What of a template cannot be created again, in words; `$1` is the template's oid, `$2` its name as a pattern. */
export const NOT_CLONEABLE = `select pg_describe_object(d.classid, d.objid, 0) as what from pg_depend d
where d.refclassid = 'pg_namespace'::regclass and d.refobjid = $1 and d.deptype = 'n' and d.classid not in (
  'pg_class'::regclass, 'pg_type'::regclass, 'pg_proc'::regclass, 'pg_statistic_ext'::regclass)
union all select pg_describe_object('pg_proc'::regclass, oid, 0) from pg_proc where pronamespace = $1 and prokind = 'a'
union all select pg_describe_object('pg_class'::regclass, oid, 0) from pg_class where relnamespace = $1 and relkind = 'f'
union all select pg_describe_object('pg_type'::regclass, t.oid, 0) from pg_type t left join pg_range r on r.rngtypid = t.oid
  where t.typnamespace = $1 and (t.typtype = 'b' and t.typcategory <> 'A' or r.rngcanonical <> 0)
union all select pg_describe_object(classid, objid, 0) from pg_depend d where d.deptype = 'e' and (
  d.classid = 'pg_class'::regclass and d.objid in (select oid from pg_class where relnamespace = $1)
  or d.classid = 'pg_proc'::regclass and d.objid in (select oid from pg_proc where pronamespace = $1)
  or d.classid = 'pg_type'::regclass and d.objid in (select oid from pg_type where typnamespace = $1))
union all select pg_describe_object('pg_proc'::regclass, oid, 0) || ', whose text names the template' from pg_proc
  where pronamespace = $1 and prosqlbody is null and prosrc ~* $2
order by 1 limit 1`;

/** What needs what, by the keys of the objects: what comes with another object is that object. */
export const TEMPLATE_NEEDS = `with parts (class, oid, key) as (
  select 'pg_type'::regclass, t.oid, 'pg_class:' || t.typrelid from pg_type t join pg_class c on c.oid = t.typrelid where t.typnamespace = $1 and c.relkind <> 'c'
  union all select 'pg_class'::regclass, c.oid, 'pg_type:' || c.reltype from pg_class c where c.relnamespace = $1 and c.relkind = 'c'
  union all select 'pg_type'::regclass, t.oid, case when c.oid is null then 'pg_type:' || e.oid else 'pg_class:' || c.oid end
    from pg_type t join pg_type e on e.typarray = t.oid left join pg_class c on c.oid = e.typrelid and c.relkind <> 'c' where t.typnamespace = $1
  union all select 'pg_type'::regclass, r.rngmultitypid, 'pg_type:' || t.oid from pg_type t join pg_range r on r.rngtypid = t.oid where t.typnamespace = $1
  union all select 'pg_rewrite'::regclass, r.oid, 'pg_class:' || c.oid from pg_rewrite r join pg_class c on c.oid = r.ev_class where c.relnamespace = $1 and r.rulename = '_RETURN'
  union all select 'pg_attrdef'::regclass, f.oid, 'pg_class:' || c.oid from pg_attrdef f join pg_class c on c.oid = f.adrelid
    join pg_attribute a on a.attrelid = c.oid and a.attnum = f.adnum where c.relnamespace = $1 and a.attgenerated <> ''
  union all select 'pg_class'::regclass, k.conindid, 'pg_constraint:' || k.oid from pg_constraint k join pg_class c on c.oid = k.conindid
    where c.relnamespace = $1 and k.contype in ('p', 'u', 'x') and not exists (select from pg_inherits where inhrelid = c.oid)
  union all select 'pg_class'::regclass, i.inhrelid, coalesce('pg_constraint:' || k.oid, 'pg_class:' || i.inhparent) from pg_inherits i
    join pg_class c on c.oid = i.inhrelid and c.relkind in ('i', 'I') left join pg_constraint k on k.conindid = i.inhparent and k.contype in ('p', 'u', 'x')
    where c.relnamespace = $1
)
select distinct coalesce(mine.key, d.classid::regclass || ':' || d.objid) as key, coalesce(other.key, d.refclassid::regclass || ':' || d.refobjid) as needs
from pg_depend d
left join parts mine on mine.class = d.classid and mine.oid = d.objid
left join parts other on other.class = d.refclassid and other.oid = d.refobjid
where d.deptype in ('n', 'a', 'i', 'P', 'S') and d.refclassid <> 'pg_namespace'::regclass
  and not (d.deptype = 'a' and d.classid = 'pg_class'::regclass and exists (select from pg_sequence where seqrelid = d.objid))
  and (mine.key is not null or d.classid = 'pg_class'::regclass and d.objid in (select oid from pg_class where relnamespace = $1)
    or d.classid = 'pg_type'::regclass and d.objid in (select oid from pg_type where typnamespace = $1)
    or d.classid = 'pg_proc'::regclass and d.objid in (select oid from pg_proc where pronamespace = $1)
    or d.classid in ('pg_constraint'::regclass, 'pg_attrdef'::regclass, 'pg_trigger'::regclass, 'pg_rewrite'::regclass, 'pg_policy'::regclass, 'pg_statistic_ext'::regclass))`;
