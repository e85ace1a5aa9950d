/** The logins of an application, by role name. */
export interface WallRoles {
  /** The application's login: every tenant and central statement runs as it. Owns nothing. */
  readonly app: string;
  /** The login of `pw.system()`: sees every tenant, named by its own policy, no BYPASSRLS. */
  readonly system: string;
  /**
   * The login that owns the tables and runs migrations; its policy shows it every row. Default: the login that builds
   * the wall, unless that is a superuser, whom no policy concerns.
   */
  readonly migrator?: string;
  /** The NOLOGIN role that owns the wall's functions and seals; default `"partywall_owner"`. */
  readonly owner?: string;
}

/** Which form of the seal the database keeps; see `docs/security.md` for the choice. */
export type SealForm = "parameter" | "mac";
