import { refused } from "../refusal.js";
import type { ArchiveHeader } from "./archive-format.js";
import { isNoTenants, readCollections } from "./collections.js";
import type { Premises } from "./premises.js";

/** Where an archive's collections go. */
export interface MatchedCollections {
  /** Names, in the order of the archive's. */
  readonly names: readonly string[];
  /** Those of them that are not there yet, and come to be with their first document. */
  readonly missing: readonly string[];
  /** Collections of the premises that the archive does not have. */
  readonly untouched: readonly string[];
}

const MOST_TOLD = 20;

/** Finds the collections that take an archive's documents. Throws `PW_TENANT_DATA_REFUSED`, naming those that may not. */
export async function matchCollections(
  { tables }: Pick<ArchiveHeader, "tables">,
  premises: Premises,
): Promise<MatchedCollections> {
  const here = await readCollections(premises);
  const { collections, shared = [] } = premises;
  const names = tables.map(({ name }) => name);
  const faults = names.flatMap((name, at) => {
    // A name of an archive's is what somebody wrote: those of Partywall say whose a database is.
    if (isNoTenants(name)) return `${name} is Partywall's or the server's own`;
    if (shared.includes(name)) return `${name} is shared here`;
    if (here.views.includes(name)) return `${name} is a view here`;
    if (here.capped.has(name)) return `${name} is capped here, and would drop documents`;
    if (collections?.includes(name) === false) return `${name} is not among the collections here`;
    return names.indexOf(name) === at ? [] : `${name} is in the archive twice`;
  });
  if (faults.length > 0) {
    const more = faults.length > MOST_TOLD ? `; and ${faults.length - MOST_TOLD} more` : "";
    throw refused(
      `The archive does not fit the collections here: ${faults.slice(0, MOST_TOLD).join("; ")}${more}. Nothing was written. Leave them out when exporting, or mend the premises.`,
    );
  }
  return {
    names,
    missing: names.filter((name) => !here.names.includes(name)),
    untouched: here.names.filter((name) => !names.includes(name)),
  };
}
