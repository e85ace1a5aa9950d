const MEMBERS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  acme: { ada: "owner", bob: "member" },
  globex: { grace: "owner" },
};

/** What somebody is in a tenant, if anything. A real application reads its memberships, in a central scope. */
export function roleOf(slug: string, name: string | undefined): string | undefined {
  const members = MEMBERS[slug] ?? {};
  return name !== undefined && Object.hasOwn(members, name) ? members[name] : undefined;
}
