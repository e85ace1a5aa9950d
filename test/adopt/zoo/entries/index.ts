import type { Entry } from "../entry.js";
import { columns } from "./columns.js";
import { exclusions } from "./exclusions.js";
import { foreignKeys } from "./foreign-keys.js";
import { indexes } from "./indexes.js";
import { inheritance } from "./inheritance.js";
import { keys } from "./keys.js";
import { limits } from "./limits.js";
import { names } from "./names.js";
import { partitions } from "./partitions.js";
import { reach } from "./reach.js";
import { replication } from "./replication.js";
import { routines } from "./routines.js";
import { sequences } from "./sequences.js";
import { tenancy } from "./tenancy.js";
import { triggers } from "./triggers.js";
import { views } from "./views.js";

/** Every entry of the zoo, by what it has a trait of. */
export const zoo: Readonly<Record<string, readonly Entry[]>> = {
  keys,
  indexes,
  "foreign keys": foreignKeys,
  sequences,
  columns,
  views,
  routines,
  triggers,
  inheritance,
  partitions,
  exclusions,
  names,
  tenancy,
  replication,
  reach,
  limits,
};

/** The entry of a name; throws where there is none. */
export function entryNamed(name: string): Entry {
  const found = Object.values(zoo)
    .flat()
    .find((entry) => entry.name === name);
  if (found === undefined) throw new Error(`The zoo has no entry ${name}.`);
  return found;
}
