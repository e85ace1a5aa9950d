import type pg from "pg";

/** Everything a schema is made of, by section and name; a definition is a text that two databases can be compared by. */
export type Catalogue = ReadonlyMap<string, string>;

// Schemas that an application may have made; what the wall keeps for itself is no part of the application's.
const OURS = "(nspname !~ '^pg_' and nspname not in ('information_schema', 'partywall'))";
const RELATION = "quote_ident(n.nspname) || '.' || quote_ident(c.relname)";
const FROM_RELATIONS = `pg_class c join pg_namespace n on n.oid = c.relnamespace and ${OURS}`;
const OF_NO_EXTENSION = (catalogue: string, oid: string) =>
  `not exists (select from pg_depend e where e.classid = '${catalogue}'::regclass and e.objid = ${oid} and e.deptype = 'e')`;
const GRANTS = (acl: string) =>
  `array(select case when a.grantee = 0 then 'public' else a.grantee::regrole::text end || ':' || a.privilege_type || case when a.is_grantable then '*' else '' end
    from aclexplode(${acl}) a where a.grantee <> a.grantor order by 1)::text`;

/** Queries of two columns, the object's name and its definition. */
const SECTIONS: Readonly<Record<string, string>> = {
  relation: `select ${RELATION}, jsonb_build_array(c.relkind, c.relpersistence, c.relowner::regrole::text, c.reloptions, c.relreplident,
      pg_get_expr(c.relpartbound, c.oid), case when c.relkind = 'p' then pg_get_partkeydef(c.oid) end,
      case when c.reloftype <> 0 then format_type(c.reloftype, null) end,
      array(select i.inhparent::regclass::text from pg_inherits i where i.inhrelid = c.oid order by i.inhseqno),
      obj_description(c.oid, 'pg_class'))::text
    from ${FROM_RELATIONS} where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and ${OF_NO_EXTENSION("pg_class", "c.oid")}`,
  "row security": `select ${RELATION}, c.relrowsecurity || ' ' || c.relforcerowsecurity from ${FROM_RELATIONS} where c.relkind in ('r', 'p')`,
  grants: `select ${RELATION}, ${GRANTS("c.relacl")} from ${FROM_RELATIONS} where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and c.relacl is not null`,
  column: `select ${RELATION} || '.' || quote_ident(a.attname), jsonb_build_array(format_type(a.atttypid, a.atttypmod), a.attnotnull,
      pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated, a.attstorage, a.attcompression, a.attcollation::regcollation::text,
      a.attstattarget, a.attoptions, a.attislocal, a.attinhcount,
      (select count(*) from pg_attribute b where b.attrelid = a.attrelid and b.attnum between 1 and a.attnum and not b.attisdropped),
      ${GRANTS("a.attacl")}, col_description(c.oid, a.attnum))::text
    from ${FROM_RELATIONS} join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum where c.relkind in ('r', 'p', 'v', 'm', 'f')`,
  constraint: `select ${RELATION} || '.' || quote_ident(k.conname), pg_get_constraintdef(k.oid) || case when k.convalidated then '' else ' not valid' end
      || case when k.conislocal then '' else ' inherited' end || coalesce(' -- ' || obj_description(k.oid, 'pg_constraint'), '')
    from ${FROM_RELATIONS} join pg_constraint k on k.conrelid = c.oid where k.contype in ('c', 'f', 'p', 'u', 'x', 'n')
      -- A key to a partitioned table has one for each partition, whose names PostgreSQL numbers.
      and not exists (select from pg_constraint o where o.oid = k.conparentid and o.conrelid = k.conrelid)`,
  index: `select quote_ident(n.nspname) || '.' || quote_ident(x.relname), pg_get_indexdef(x.oid)
      || case when i.indisvalid then '' else ' invalid' end || case when i.indisclustered then ' clustered' else '' end
      || case when i.indisreplident then ' replica identity' else '' end || case when i.indisprimary then ' primary' else '' end
      || coalesce(' attached to ' || (select h.inhparent::regclass::text from pg_inherits h where h.inhrelid = x.oid), '')
      || coalesce(' -- ' || obj_description(x.oid, 'pg_class'), '')
    from ${FROM_RELATIONS} join pg_index i on i.indrelid = c.oid join pg_class x on x.oid = i.indexrelid`,
  trigger: `select ${RELATION} || '.' || quote_ident(t.tgname), pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text || coalesce(' -- ' || obj_description(t.oid, 'pg_trigger'), '')
    from ${FROM_RELATIONS} join pg_trigger t on t.tgrelid = c.oid and not t.tgisinternal`,
  rule: `select ${RELATION} || '.' || quote_ident(r.rulename), pg_get_ruledef(r.oid) || ' ' || r.ev_enabled::text || coalesce(' -- ' || obj_description(r.oid, 'pg_rewrite'), '')
    from ${FROM_RELATIONS} join pg_rewrite r on r.ev_class = c.oid where c.relkind in ('r', 'p', 'v', 'm') and r.rulename <> '_RETURN'`,
  view: `select ${RELATION}, pg_get_viewdef(c.oid) from ${FROM_RELATIONS} where c.relkind in ('v', 'm') and ${OF_NO_EXTENSION("pg_class", "c.oid")}`,
  policy: `select ${RELATION} || '.' || quote_ident(p.polname), jsonb_build_array(p.polcmd, p.polpermissive,
      array(select case when r = 0 then 'public' else r::regrole::text end from unnest(p.polroles) r order by 1),
      pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))::text
    from ${FROM_RELATIONS} join pg_policy p on p.polrelid = c.oid`,
  sequence: `select ${RELATION}, jsonb_build_array(format_type(s.seqtypid, null), s.seqstart, s.seqincrement, s.seqmax, s.seqmin, s.seqcache, s.seqcycle,
      (select d.refobjid::regclass || '.' || d.refobjsubid from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i')))::text
    from ${FROM_RELATIONS} join pg_sequence s on s.seqrelid = c.oid`,
  statistics: `select quote_ident(n.nspname) || '.' || quote_ident(s.stxname), pg_get_statisticsobjdef(s.oid) || ' ' || coalesce(s.stxstattarget::text, '')
      || coalesce(' -- ' || obj_description(s.oid, 'pg_statistic_ext'), '')
    from pg_statistic_ext s join pg_namespace n on n.oid = s.stxnamespace and ${OURS}`,
  publication: `select quote_ident(p.pubname), jsonb_build_array(p.puballtables, p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate, p.pubviaroot,
      array(select r.prrelid::regclass::text || ' {' || array_to_string(array(select quote_ident(a.attname) from pg_attribute a
          where a.attrelid = r.prrelid and a.attnum = any(r.prattrs::int2[]) order by a.attnum), ',') || '} ' || coalesce(pg_get_expr(r.prqual, r.prrelid), '')
        from pg_publication_rel r where r.prpubid = p.oid order by 1),
      array(select n.nspname::text from pg_publication_namespace m join pg_namespace n on n.oid = m.pnnspid where m.pnpubid = p.oid order by 1),
      obj_description(p.oid, 'pg_publication'))::text
    from pg_publication p`,
  routine: `select f.oid::regprocedure::text, pg_get_functiondef(f.oid) || ' ' || f.proowner::regrole::text || ' ' || ${GRANTS("f.proacl")}
      || coalesce(' -- ' || obj_description(f.oid, 'pg_proc'), '')
    from pg_proc f join pg_namespace n on n.oid = f.pronamespace and ${OURS} where f.prokind in ('f', 'p') and ${OF_NO_EXTENSION("pg_proc", "f.oid")}`,
  type: `select t.oid::regtype::text, jsonb_build_array(t.typtype, t.typnotnull, t.typdefault, format_type(t.typbasetype, t.typtypmod),
      array(select e.enumlabel from pg_enum e where e.enumtypid = t.oid order by e.enumsortorder),
      array(select k.conname || ' ' || pg_get_constraintdef(k.oid) from pg_constraint k where k.contypid = t.oid order by 1), obj_description(t.oid, 'pg_type'))::text
    from pg_type t join pg_namespace n on n.oid = t.typnamespace and ${OURS} where t.typtype in ('d', 'e') and ${OF_NO_EXTENSION("pg_type", "t.oid")}`,
  schema: `select quote_ident(n.nspname), n.nspowner::regrole || ' ' || coalesce(obj_description(n.oid, 'pg_namespace'), '') from pg_namespace n where ${OURS}`,
  extension: "select quote_ident(extname), extversion from pg_extension",
};

const QUERY = Object.entries(SECTIONS)
  .map(([section, sql]) => `select '${section}' as section, s.* from (${sql}) s (name, definition)`)
  .join("\nunion all\n");

/** Reads the live catalogue of a database, whole. */
export async function readCatalogue(keeper: pg.Client): Promise<Catalogue> {
  // Names are printed qualified only where the path does not find them.
  await keeper.query("set search_path = pg_catalog");
  try {
    const { rows } = await keeper.query<{ section: string; name: string; definition: string }>(
      QUERY,
    );
    return new Map(rows.map(({ section, name, definition }) => [`${section} ${name}`, definition]));
  } finally {
    await keeper.query("reset search_path");
  }
}

/** Where a second catalogue is not the first, by name and in words. */
export function catalogueDifferences(
  before: Catalogue,
  after: Catalogue,
): { readonly name: string; readonly line: string }[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names]
    .filter((name) => before.get(name) !== after.get(name))
    .toSorted()
    .map((name) => {
      return {
        name,
        line: `${name}: ${before.get(name) ?? "nothing"} → ${after.get(name) ?? "nothing"}`,
      };
    });
}
