/** Before the first request. A real application keeps its tenants in PostgreSQL: `createPartywall({ store })`. */
export async function register() {
  if (process.env["NEXT_RUNTIME"] !== "nodejs") return;
  const { pw } = await import("./lib/tenancy");
  for (const slug of ["acme", "globex"])
    await pw.tenants.create({ id: `tenant-${slug}`, slug, name: `${slug} Ltd` });
}
