import type { AdoptionPlan } from "partywall/adopt";
import type { Catalogue } from "./catalogue.js";
import type { Entry } from "./entry.js";

/** What an adopted schema may have that the original had not: the tenant's column, keys and policies. */
const MAY_BE_NEW: Readonly<Record<string, (definition: string, tenant: RegExp) => boolean>> = {
  column: () => true,
  constraint: (definition, tenant) =>
    /^(?:UNIQUE|PRIMARY|FOREIGN|NOT NULL)/.test(definition) && tenant.test(definition),
  index: (definition, tenant) => tenant.test(definition) && !definition.includes(" invalid"),
  policy: () => true,
  "row security": () => true,
  grants: () => true,
  extension: () => true,
};

/** The names of sections, the longest first, since one may begin another. */
const SECTION =
  /^(row security|relation|grants|column|constraint|index|trigger|rule|view|policy|sequence|statistics|publication|routine|type|schema|extension) /;

/**
 * Says what adoption did to a schema beyond making it tenant-aware. Every object of the original must be there under its
 * name, defined as it was but for the tenant: a constraint stays deferrable, an index keeps its predicate, a view its text.
 */
export function strangers(
  before: Catalogue,
  after: Catalogue,
  plan: AdoptionPlan,
  entry: Entry,
): string[] {
  const columns = plan.tables.flatMap(({ column }) =>
    column === undefined ? [] : [quoted(column)],
  );
  const kin = new Kin(columns);
  const added = new Set(
    plan.tables.flatMap(({ schema, name, column }) =>
      column === undefined ? [] : [`column ${quoted(schema)}.${quoted(name)}.${quoted(column)}`],
    ),
  );
  const found: string[] = [];
  for (const [key, definition] of before) {
    if (entry.differs?.[key] !== undefined || added.has(key)) continue;
    const section = SECTION.exec(key)?.[1] as string;
    const now = after.get(key);
    if (now === undefined) found.push(`${key} is gone; it was ${definition}`);
    else if (!kin.alike(section, definition, now)) {
      found.push(`${key} is no longer ${definition} but ${now}`);
    }
  }
  for (const [key, definition] of after) {
    if (entry.differs?.[key] !== undefined || before.has(key)) continue;
    const section = SECTION.exec(key)?.[1] as string;
    if (!MAY_BE_NEW[section]?.(definition, kin.tenant))
      found.push(`${key} was left behind: ${definition}`);
  }
  return found;
}

class Kin {
  readonly tenant: RegExp;
  readonly #first: RegExp;
  readonly #later: RegExp;

  constructor(columns: readonly string[]) {
    const any = [...new Set(columns)]
      .map((name) => name.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`))
      .join("|");
    this.tenant = new RegExp(`(?<![\\w"])(?:${any})(?![\\w"])`);
    this.#first = new RegExp(`(?<=[({]|, )(?:${any})(?: WITH =)?, ?`, "g");
    this.#later = new RegExp(`,\\s?(?:${any})(?: WITH =)?(?=[,)}])`, "g");
  }

  alike(section: string, before: string, now: string): boolean {
    if (before === now) return true;
    switch (section) {
      case "row security":
        return true;
      case "grants": {
        const kept = new Set(grants(now));
        // What everyone and the application may do is the wall's to say.
        return grants(before).every(
          (grant) => kept.has(grant) || /^(?:public|\w+_app):/.test(grant),
        );
      }
      case "relation":
        return withoutInvoker(before) === withoutInvoker(now);
      case "constraint":
        // A key of its own makes a partition's NOT NULL its own too.
        if (before.startsWith("NOT NULL")) return before.replace(" inherited", "") === now;
        return this.#bare(before) === this.#bare(now);
      case "index":
      case "publication":
        return this.#bare(before) === this.#bare(now);
      default:
        return false;
    }
  }

  /** A definition without the tenant, and without a column list that names all the columns of the key. */
  #bare(definition: string): string {
    const bare = definition.replaceAll(this.#first, "").replaceAll(this.#later, "");
    const columns = /^FOREIGN KEY \((.*?)\) REFERENCES/.exec(bare)?.[1];
    return bare.replace(
      /(ON DELETE SET (?:NULL|DEFAULT)) \((.*?)\)/,
      (whole, action: string, list: string) => (list === columns ? action : whole),
    );
  }
}

const grants = (acl: string) => acl.slice(1, -1).split(",").filter(Boolean);

const withoutInvoker = (definition: string) => {
  const parts = JSON.parse(definition) as [string, string, string, string[] | null, ...unknown[]];
  const options = parts[3]?.filter((option) => !option.startsWith("security_invoker=")) ?? [];
  return JSON.stringify(parts.with(3, options.length > 0 ? options : null));
};

const quoted = (name: string) =>
  /^[a-z_][\d$_a-z]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
