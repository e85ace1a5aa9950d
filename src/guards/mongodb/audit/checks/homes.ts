import { MARK_COLLECTION, MARK_ID } from "../../home-mark.js";
import type { Check, Found } from "../check.js";
import { asked, type Look, type TenantHome } from "../look.js";

/** What a database says of whose it is. */
type Mark = { readonly tenantId: unknown; readonly realm: unknown } | undefined;

const overHomes =
  (fault: (home: TenantHome, mark: Mark, look: Look) => string | undefined): Check["find"] =>
  async (look) => {
    const found = [];
    for (const home of look.subject.homes) {
      const object = home.database;
      found.push(
        ...(await asked(object, async (): Promise<Found[]> => {
          const detail = fault(home, await markOf(look, home), look);
          return detail === undefined ? [] : [{ object, detail }];
        })),
      );
    }
    // Two tenants in one database tell the same of it.
    return [...new Map(found.map((one) => [JSON.stringify(one), one])).values()];
  };

/** Databases that are one tenant's alone, and whether they are. */
export const homeChecks: readonly Check[] = [
  {
    code: "home-of-another",
    severity: "critical",
    why: "The database {object} is given to one tenant alone, {detail}: each reads and changes what is the other's.",
    fix: "Place the tenant in a database of its own, and move its documents there.",
    find: overHomes(({ database, tenantId }, mark, { subject }) => {
      if (subject.databases.includes(database)) return "and tenants share its collections";
      if (subject.homes.some((one) => one.database === database && one.tenantId !== tenantId))
        return "and to another one too";
      if (mark === undefined) return undefined;
      const isOwn = mark.tenantId === tenantId && mark.realm === subject.realm;
      return isOwn ? undefined : "and is marked as another one's";
    }),
  },
  {
    code: "home-unmarked",
    severity: "medium",
    why: "The database {object} is given to one tenant alone and does not say so: another may be provisioned or moved into it, and it is not taken down with its tenant.",
    fix: "Let the provisioner make it, or write its mark (ownershipMark() of partywall/tenants/mongodb).",
    find: overHomes((_home, mark) => (mark === undefined ? "" : undefined)),
  },
];

function markOf(look: Look, { database }: TenantHome): Promise<Mark> {
  return look.once(`mark of ${database}`, async () => {
    const marks = look.database(database).collection(MARK_COLLECTION);
    const [mark] = await marks.find({ _id: MARK_ID }, { limit: 1 }).toArray();
    return mark === undefined ? undefined : { tenantId: mark["tenantId"], realm: mark["realm"] };
  });
}
