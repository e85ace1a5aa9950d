import { auditDatabase } from "../../../guards/postgres/audit/audit.js";
import type { ConformanceCase } from "../case.js";
import { refused, rejection, same } from "../expectations.js";

/** How an ORM is wired, and what its migrations do. */
export const WIRING: readonly ConformanceCase[] = [
  {
    capability: "wiring",
    title: "over a driver that is not the guard's it is refused, before it is used",
    once: true,
    run: async ({ subject, wiring, pg }) => {
      await refused(() => subject.bypass(wiring, pg), "PW_GUARD_BYPASSED");
    },
  },
  {
    capability: "migrations",
    title:
      "run under the migration login without a scope; the audit finds the table without a policy",
    once: true,
    timeoutMs: 90_000,
    run: async ({ subject, world, ada, pw, guard }) => {
      await subject.migrate!(world.url("migrator"));
      const { roles } = world;
      // As default privileges would have given it to the application.
      await ada.eye(`grant select on public.leftovers to ${roles.app}`);
      try {
        const findings = await pw.system({ reason: "conformance" }, async () => {
          const client = (await (
            guard.pool as unknown as { connect(): Promise<unknown> }
          ).connect()) as Parameters<typeof auditDatabase>[0] & { release(): void };
          try {
            return await auditDatabase(client, {
              login: roles.app,
              system: roles.system,
              tenantColumn: "tenant_id",
            });
          } finally {
            client.release();
          }
        });
        const found = findings.filter(({ object }) => object.includes("leftovers"));
        same(
          found.map(({ code }) => code).includes("table-unwalled"),
          true,
          "the audit names the table",
        );
      } finally {
        await ada.eye("drop table public.leftovers");
      }
    },
  },
  {
    capability: "migrations",
    title: "under the application's login they are refused",
    once: true,
    timeoutMs: 90_000,
    run: async ({ subject, world, ada }) => {
      await rejection(() => subject.migrate!(world.url("app")));
      same(await ada.eye("select to_regclass('public.leftovers') as made"), [{ made: null }]);
    },
  },
];
