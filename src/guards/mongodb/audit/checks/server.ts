import { isIP } from "node:net";
import type { AuditClient } from "../audit-client.js";
import type { Check } from "../check.js";
import { hasWeakness, FIXED_WEAKNESSES } from "../fixed-versions.js";

/** What the server itself leaves open. */
export const serverChecks: readonly Check[] = [
  {
    code: "server-without-login",
    severity: "critical",
    why: "{object} asks for no login: whoever reaches it reads and writes every tenant's documents.",
    fix: "Switch authorization on, and give the application and the system scope a user each.",
    find: async (look) => {
      const { users } = await look.login("app");
      return users.length > 0 ? [] : distantHosts(look.app).map((object) => ({ object }));
    },
  },
  {
    code: "server-without-tls",
    severity: "high",
    why: "What is said to {object} is not encrypted: whoever is on the way reads it, and puts commands into it that no guard sees.",
    fix: "Add tls=true to the connection strings.",
    find: async ({ app, system }) => {
      const bare = [app, system].filter(({ options }) => options.tls !== true);
      return [...new Set(bare.flatMap(distantHosts))].map((object) => ({ object }));
    },
  },
  {
    code: "server-outdated-mongodb",
    severity: "high",
    why: "MongoDB {object} {detail}.",
    fix: "Install the newest release of its series.",
    find: async (look) => {
      if (!(await look.isMongod())) return [];
      const { versionArray, version } = await look.build();
      const release = (versionArray as readonly unknown[]).slice(0, 3).map(Number);
      return FIXED_WEAKNESSES.filter((weakness) => hasWeakness(weakness, release)).map(
        ({ cve, what }) => ({ object: String(version), detail: `${what} (${cve})` }),
      );
    },
  },
  {
    code: "server-runs-javascript",
    severity: "low",
    why: "{object} runs JavaScript of its clients ($where, $function, mapReduce): the guard refuses it, and whoever connects without the guard does not.",
    fix: "Set security.javascriptEnabled to false, unless something needs it.",
    find: async (look) => ((await look.runsJavaScript()) ? [{ object: "the server" }] : []),
  },
];

// Of what does not leave the machine nobody else reads or says anything.
function distantHosts({ options: { hosts } }: AuditClient): string[] {
  return hosts.flatMap(({ host }) => (host === undefined || isLoopback(host) ? [] : [host]));
}

function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  if (bare === "localhost" || bare === "::1") return true;
  return isIP(bare) === 4 && bare.startsWith("127.");
}
