import { quoteLiteral } from "../../ddl/identifier.js";
import { sealSql } from "../../ddl/seal-sql.js";
import type { AuditSubject, Check } from "../check.js";

const CREATES =
  /^create or replace function partywall\.(\w+)\(.*?\) returns [^\n]*\n(language[^\n]*) as \$wall\$([^]*)\$wall\$$/;

// What the wall writes, as rows of (form, name, body, whether it runs as its owner, the statement).
function written({ login, system, migrator }: AuditSubject): string[] {
  const roles = { app: login, system, ...(migrator === undefined ? {} : { migrator }) };
  return (["parameter", "mac"] as const).flatMap((form) =>
    sealSql(roles, form, true).flatMap((sql) => {
      const [, name, rights, body] = CREATES.exec(sql) ?? [];
      if (name === undefined || rights === undefined || body === undefined) return [];
      const texts = [form, name, body, sql].map((text) => `${quoteLiteral(text)}::text`).join(", ");
      return [`(${texts}, ${rights.includes("security definer")})`];
    }),
  );
}

/** The wall's own functions, compared with what the wall writes. */
export function wallFunctionChecks(subject: AuditSubject): Check[] {
  return [
    {
      // Both forms of the seal are the wall's, but all functions must be of one.
      code: "wall-function-changed",
      severity: "critical",
      why: "The function {object} is not the one the wall wrote, so what it answers need not be the sealed tenant.",
      fix: "Write it again, as partywall policies --apply does.",
      find: `, written (form, name, body, sql, definer) as (values ${written(subject).join(", ")}),
standing as (
  select case when to_regclass('partywall.seal_key') is not null and exists (select from pg_proc p join written w on w.name = p.proname and w.body = p.prosrc
    where p.pronamespace = to_regnamespace('partywall') and w.form = 'mac' and w.name = 'enter') then 'mac'
  when not exists (select from pg_proc p join written w on w.name = p.proname and w.body = p.prosrc
    where p.pronamespace = to_regnamespace('partywall') and w.form = 'parameter' and w.name = 'enter')
    and to_regclass('partywall.seal_key') is not null then 'mac' else 'parameter' end as form
)
select p.oid::regprocedure::text as object, w.sql || '; alter function ' || p.oid::regprocedure || ' reset all' as sql
from pg_proc p join written w on w.name = p.proname join standing s on s.form = w.form
join pg_language g on g.oid = p.prolang
where p.pronamespace = to_regnamespace('partywall')
  and not (p.prosrc = w.body and p.prosecdef = w.definer and g.lanname = 'plpgsql' and not p.proleakproof
    and (p.proname = 'observe' or p.proconfig is null))`,
    },
    {
      code: "wall-owner-login",
      severity: "medium",
      why: "The role {object} owns the wall's functions and seals can be read through it, and it can log in.",
      fix: "Take the login from it; nothing ever connects as it.",
      sql: "alter role {object} nologin",
      find: `select distinct quote_ident(r.rolname) as object from pg_proc p join pg_roles r on r.oid = p.proowner, login l
where p.oid = to_regprocedure('partywall.enter(bytea)') and r.rolcanlogin and r.oid <> l.oid`,
    },
  ];
}
