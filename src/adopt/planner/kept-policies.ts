import { quoteIdentifier, quoteLiteral } from "../../guards/postgres/ddl/identifier.js";
import type { Policy } from "../schema.js";
import type { Adoptee } from "./draft.js";

const COMMANDS = ["select", "insert", "update", "delete"] as const;

/**
 * The statements that keep what a table's own permissive policies let through. Permissive policies are joined by OR,
 * and the wall's lets everything of the tenant through; so theirs become restrictive ones beside it.
 *
 * Source: PostgreSQL manual, CREATE POLICY, "Application of Multiple Policies".
 */
export function keptPoliciesSql({ table, sql }: Adoptee, app: string): string[] {
  const permissive = table.policies.filter((policy) => policy.isPermissive && !isWalls(policy));
  if (table.rowSecurity === "off" || permissive.length === 0) return [];
  const login = quoteIdentifier(app);
  return COMMANDS.flatMap((command) => {
    const own = permissive.filter((policy) =>
      ["*", "all", command].includes(policy.command.toLowerCase()),
    );
    const any = (of: (policy: Policy) => string | null) =>
      own.length === 0
        ? "false"
        : own.map((policy) => `(${forRoles(policy, of(policy) ?? "true")})`).join(" or ");
    const using = command === "insert" ? "" : ` using (${any((policy) => policy.using)})`;
    const check =
      command === "insert" || command === "update"
        ? ` with check (${any((policy) => policy.withCheck ?? policy.using)})`
        : "";
    const name = quoteIdentifier(`partywall_kept_${command}`);
    return [
      `drop policy if exists ${name} on ${sql}`,
      `create policy ${name} on ${sql} as restrictive for ${command} to ${login}${using}${check}`,
    ];
  });
}

/** Whether a policy is one that the wall put there. */
export const isWalls = ({ name }: Policy) =>
  /^partywall_(?:tenant|app|across|kept_(?:select|insert|update|delete)|(?:as|own)_.+)$/.test(name);

function forRoles({ roles }: Policy, expression: string): string {
  if (roles.length === 0 || roles.includes("public")) return expression;
  const member = roles.map(
    (role) => `pg_catalog.pg_has_role(current_user, ${quoteLiteral(role)}, 'member')`,
  );
  return `(${member.join(" or ")}) and (${expression})`;
}
