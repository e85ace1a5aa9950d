import { PartywallError } from "../../../../errors.js";
import { openRollouts } from "../../ddl/standing-rollouts.js";
import type { Check } from "../check.js";

/** Tables that are not enforced yet. */
export const rolloutChecks: readonly Check[] = [
  {
    code: "rollout-open",
    severity: "critical",
    why: "{object} is in a gradual rollout: what the wall would keep from a tenant is reported and not kept.",
    fix: "Mend what the reports name, then take the table out of the rollout: partywall policies --apply.",
    find: async (client) => {
      try {
        const open = await openRollouts(client);
        return open.map(({ table, mode, until }) => ({
          object: `${table} (${mode} until ${until.toISOString()})`,
        }));
      } catch (error) {
        if (!(error instanceof PartywallError) || error.code !== "PW_GUARD_BYPASSED") throw error;
        // Which table, `policy-changed` tells; of the others nothing is known until it is mended.
        return [{ object: "a table whose rollout was changed by hand" }];
      }
    },
  },
];
