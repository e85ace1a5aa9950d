const GRANTEE =
  "case when x.grantee = 0 then 'PUBLIC' else quote_ident(pg_get_userbyid(x.grantee)) end";

const grant = (name: string) =>
  `format('GRANT %s ON %s TO %s%s', string_agg(distinct x.privilege, ', '), ${name}, ${GRANTEE},
    case when x.is_grantable then ' WITH GRANT OPTION' else '' end)`;

/**
 * SQL for the statements that give a new view the rights that one of the same name has: an array of texts. `view` is
 * an alias of `pg_class`, `name` its quoted name. Default privileges are taken away first, as they may give more.
 */
export const viewGrants = (view: string, name: string): string => `array(
  select format('REVOKE ALL ON %s FROM %s', ${name}, ${GRANTEE})
  from pg_default_acl d, aclexplode(d.defaclacl) x
  where d.defaclobjtype = 'r' and d.defaclnamespace in (0, ${view}.relnamespace) and x.grantee not in (${view}.relowner, d.defaclrole)
  group by x.grantee order by 1
) || array(
  select ${grant(name)}
  from (select grantee, is_grantable, privilege_type as privilege from aclexplode(${view}.relacl)) x
  where x.grantee <> ${view}.relowner
  group by x.grantee, x.is_grantable order by 1
) || array(
  select ${grant(name)}
  from (select grantee, is_grantable, format('%s (%I)', privilege_type, a.attname) as privilege
    from pg_attribute a, aclexplode(a.attacl) where a.attrelid = ${view}.oid and not a.attisdropped) x
  where x.grantee <> ${view}.relowner
  group by x.grantee, x.is_grantable order by 1
)`;
