/** SQL for the schema and name of a relation, as JSON. */
export const relationName = (oid: string): string =>
  `(select json_build_object('schema', rn.nspname, 'name', rc.relname)
    from pg_class rc join pg_namespace rn on rn.oid = rc.relnamespace where rc.oid = ${oid})`;

/** SQL for the names of a relation's columns, in the order of an array of their numbers, as JSON. */
export const columnNames = (relation: string, numbers: string): string =>
  `coalesce((select json_agg(ca.attname order by cn.place)
    from unnest(${numbers}) with ordinality cn(number, place)
    join pg_attribute ca on ca.attrelid = ${relation} and ca.attnum = cn.number), '[]')`;

/** SQL for the extension that an object of a catalogue belongs to, or null. */
export const extensionOf = (catalog: "pg_class" | "pg_proc", oid: string): string =>
  `(select xe.extname from pg_depend xd join pg_extension xe on xe.oid = xd.refobjid
    where xd.classid = '${catalog}'::regclass and xd.objid = ${oid}
      and xd.refclassid = 'pg_extension'::regclass and xd.deptype = 'e')`;
