import { expect, test } from "vitest";
import type { GuardHost } from "../../../src/scope/guard.js";
import type { Scope } from "../../../src/scope/scope.js";
import type { Placement, Tenant } from "../../../src/scope/tenant.js";
import { TicketOffice } from "../../../src/guards/mongodb/ticket-office.js";

const ACME = { id: "acme" } as Tenant;

function officeIn(scope: { current: Scope | undefined }): TicketOffice {
  const office = new TicketOffice(({ id }) => id);
  office.attach({ scope: () => scope.current } as GuardHost);
  return office;
}

const within = (tenant: Tenant, placement: Placement) =>
  ({ kind: "tenant", tenant, placement }) as Scope;

test("a ticket is the tenant's and its placement's, whichever scope it was last issued to", () => {
  const shared: Placement = { strategy: "row" };
  const own: Placement = { strategy: "database", name: "acme" };
  const scope: { current: Scope | undefined } = { current: within(ACME, shared) };
  const office = officeIn(scope);
  expect(office.current()).toMatchObject({ tenantId: "acme", value: "acme" });
  scope.current = within(ACME, own);
  expect(office.current()).toMatchObject({ tenantId: "acme", database: "acme", value: undefined });
  scope.current = within({ id: "bolt" } as Tenant, shared);
  expect(office.current()).toMatchObject({ tenantId: "bolt", value: "bolt" });
  scope.current = undefined;
  expect(office.current()).toBeUndefined();
});
