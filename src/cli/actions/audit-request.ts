import type { PartywallConfig } from "../define-config.js";

/** What is the same in an audit through the application and in one of the catalogue alone. */
export interface AuditRequest {
  readonly tables: PartywallConfig["tables"];
  readonly tenantColumn: string | undefined;
  /** Role names as they are said to be. */
  readonly roles: Partial<Record<"app" | "system" | "migrator", string>>;
  readonly mongodb: PartywallConfig["mongodb"];
  /** Codes of findings that may stay. */
  readonly accept: readonly string[];
}

/** The scope in which an audit reads. */
export const SCOPE = {
  reason: "partywall audit reads the catalogue",
  actor: "partywall audit",
};
