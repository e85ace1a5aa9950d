/** The tenants of the demonstration. Ids never change, slugs may; rows hold the id. */
export const TENANTS = [
  { id: "0ac3e000-0000-4000-8000-000000000001", slug: "acme", name: "Acme Records" },
  { id: "b1bd0000-0000-4000-8000-000000000002", slug: "bluebird", name: "Bluebird Vinyl" },
  { id: "ca55e77e-0000-4000-8000-000000000003", slug: "cassette", name: "The Cassette Deck" },
  {
    id: "dead3a00-0000-4000-8000-000000000004",
    slug: "deadwax",
    name: "Dead Wax",
    suspended: true,
  },
] as const satisfies readonly {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly suspended?: boolean;
}[];

/** The tenant with a slug. */
export function tenant(slug: (typeof TENANTS)[number]["slug"]) {
  return TENANTS.find((one) => one.slug === slug)!;
}
