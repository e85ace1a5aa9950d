/** The environment variables of the wiring, by what they hold. */
export const VARIABLES = {
  secret: "PARTYWALL_SECRET",
  app: "PARTYWALL_APP_URL",
  system: "PARTYWALL_SYSTEM_URL",
  registry: "PARTYWALL_REGISTRY_URL",
  domain: "PARTYWALL_DOMAIN",
} as const;
