import type { Secrets } from "../secrets.js";

export const DATABASE = "music_shop";

/** The four logins; docs/guides/logins.md says why there are four. */
export const ROLES = {
  app: "music_shop_app",
  system: "music_shop_system",
  registry: "music_shop_registry",
  migrator: "music_shop_migrator",
} as const;

export type Login = keyof typeof ROLES;

/** Connection string of a login. */
export function urlOf(login: Login, secrets: Secrets, port: number): string {
  return `postgres://${ROLES[login]}:${secrets.logins[login]}@127.0.0.1:${port}/${DATABASE}`;
}
