import { choiceOf } from "./adoptees.js";
import { label, type Adoptee, type Draft } from "./draft.js";
import type { ObjectName, Rule } from "../schema.js";
import { isShown } from "./views.js";

const same = (one: ObjectName, other: ObjectName) =>
  one.schema === other.schema && one.name === other.name;

/**
 * The roles that rules act as on a tenant table. Within a seal these are confined to its tenant, which is what keeps a
 * rule that looks rows up by their ids from another tenant's.
 */
export function confinedOn(draft: Draft, { table }: Adoptee): readonly string[] {
  const owners = draft.schema.rules.flatMap((rule) =>
    !rule.isInert && !rule.ownerBypasses && rule.touches.some((touched) => same(touched, table))
      ? [rule.owner]
      : [],
  );
  return [...new Set(owners)].toSorted();
}

/** Asks about the rules that no policy can keep from another tenant's rows. */
export function findRules(draft: Draft): void {
  for (const rule of draft.schema.rules) {
    if (rule.isInert) continue;
    const why = reachOf(draft, rule);
    if (why === undefined) continue;
    const isFired = rule.isFiredByForeignKey && touchesTenants(draft, rule);
    draft.obstacle({
      code: "rule",
      object: `${label(rule.on)}.${rule.name}`,
      why,
      // A trigger that the foreign key fires is under no policy either.
      remedy: `${isFired ? "Take the action from the foreign key, and have the application send the statement itself" : `Replace it by ${rule.isOnView ? "an INSTEAD OF" : "a"} trigger`}. Acknowledged, it stays as it is.`,
      acknowledgeable: true,
    });
  }
}

/** Why a rule may reach what is not the tenant's; nothing where it cannot. */
function reachOf(draft: Draft, rule: Rule): string | undefined {
  const touches = touchesTenants(draft, rule);
  if (touches && rule.isFiredByForeignKey) {
    return "The ON DELETE or ON UPDATE action of a foreign key fires it too. PostgreSQL runs those under no policy, and with them what the rule does.";
  }
  if (touches && rule.ownerBypasses && !onlyAddsTenantRows(draft, rule)) {
    return `What it does runs with the rights of ${rule.owner}, to whom no policy applies: a superuser, or one with BYPASSRLS.`;
  }
  if (!isReachable(draft, rule)) return undefined;
  const other = rule.touches.find((touched) => !isKept(draft, rule, touched));
  return (
    other &&
    `What it does with ${label(other)} runs with the rights of ${rule.owner}, and ${label(other)} is not kept apart by tenant: every tenant's statement would reach it.`
  );
}

const touchesTenants = (draft: Draft, { touches }: Rule) =>
  touches.some((touched) => draft.adoptee(touched) !== undefined);

// The database stamps what it inserts, and nothing that is there is met.
function onlyAddsTenantRows(draft: Draft, rule: Rule): boolean {
  if (!rule.isPlainInsert) return false;
  return rule.touches.every((touched) => {
    if (same(touched, rule.on)) return true;
    const target = draft.adoptee(touched);
    return target !== undefined && !touched.columns.includes(target.column);
  });
}

/** Whether the application's login gets a right to what fires the rule. */
function isReachable(draft: Draft, { on }: Rule): boolean {
  const table = draft.table(on);
  if (table !== undefined) return choiceOf(draft, table).kind !== "unmanaged";
  const view = draft.schema.views.find((one) => same(one, on));
  return view !== undefined && isShown(draft, view);
}

/** Whether what a rule does to a relation is a policy's to decide, or everybody's right. */
function isKept(draft: Draft, rule: Rule, touched: Rule["touches"][number]): boolean {
  if (same(touched, rule.on) || draft.adoptee(touched) !== undefined) return true;
  const view = draft.schema.views.find((one) => same(one, touched));
  if (view !== undefined) return isShown(draft, view);
  const table = draft.table(touched);
  if (table === undefined) return false;
  const { kind, writable } = choiceOf(draft, table);
  return kind === "shared" && (writable === true || !isWritten(rule, touched.printed));
}

// As PostgreSQL prints the target of a statement; a text that merely says the same is taken for one.
function isWritten({ definition }: Rule, printed: string): boolean {
  return [
    "INSERT INTO",
    "UPDATE",
    "UPDATE ONLY",
    "DELETE FROM",
    "DELETE FROM ONLY",
    "MERGE INTO",
    "MERGE INTO ONLY",
  ].some((words) => definition.includes(`${words} ${printed}`));
}
