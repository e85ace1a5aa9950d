import { createPartywall, type Guard } from "partywall";
import { expect, test } from "vitest";

const acme = { id: "acme-1", slug: "acme", name: "Acme" };

function world(provision: (turn: number) => Promise<void>) {
  const steps: string[] = [];
  let turn = 0;
  const guard: Guard = {
    wire: "postgres",
    attach: () => undefined,
    admit: async () => void steps.push("admit"),
    expel: async () => undefined,
    ready: async () => undefined,
    close: async () => undefined,
  };
  const pw = createPartywall({
    realm: `provision-${Math.random()}`,
    postgres: guard,
    provision: async (tenant) => {
      steps.push(`provision ${JSON.stringify(tenant)} ${(await pw.tenants.get(tenant.id)).status}`);
      steps.push(pw.scope()?.kind ?? "no scope");
      await provision((turn += 1));
    },
  });
  return { pw, steps };
}

const PROVISION = `provision {"id":"acme-1","slug":"acme","placement":{"strategy":"row"}} provisioning`;

test("a tenant's place is made after its record and before it is admitted, in nobody's scope", async () => {
  const { pw, steps } = world(async () => undefined);
  await pw.central(() => pw.tenants.create(acme));
  expect(steps).toEqual([PROVISION, "no scope", "admit"]);
  await pw.close();
});

test("where that fails nobody is admitted, and only the same request resumes", async () => {
  const { pw, steps } = world(async (turn) => {
    if (turn === 1) throw new Error("no room");
  });
  await expect(pw.tenants.create(acme)).rejects.toMatchObject({
    code: "PW_PROVISION_FAILED",
    message: expect.stringContaining(`"acme-1"`) as string,
    cause: { message: "no room" },
  });
  expect(steps).not.toContain("admit");
  await expect(pw.run(acme.id, () => 1)).rejects.toMatchObject({ code: "PW_TENANT_NOT_READY" });
  await expect(pw.tenants.create({ ...acme, name: "Other" })).rejects.toMatchObject({
    code: "PW_TENANT_EXISTS",
  });
  expect(await pw.tenants.create(acme)).toMatchObject({ status: "active" });
  await pw.close();
});
