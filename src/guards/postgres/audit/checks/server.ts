import type { Check } from "../check.js";
import { FIXED_WEAKNESSES, hasWeakness } from "../fixed-versions.js";

/** What is known of the server's release. */
export const serverChecks: readonly Check[] = [
  {
    code: "server-outdated",
    severity: "high",
    why: "This release of PostgreSQL has {object}.",
    fix: "Upgrade to the newest minor release, and run what its release notes ask for.",
    find: async (client) => {
      const { rows } = await client.query(
        "select current_setting('server_version_num')::int as version",
      );
      const version = Number(rows[0]?.["version"]);
      return FIXED_WEAKNESSES.filter((one) => hasWeakness(one, version)).map(({ cve, what }) => ({
        object: `${cve}: it ${what}`,
      }));
    },
  },
];
