/** Severities of an audit's findings, the worst first. */
export const SEVERITIES = ["critical", "high", "medium", "low"] as const;

/**
 * How bad a finding is. `critical`: another tenant's data can be read or changed as things are. `high`: a tenant
 * reaches or learns of another in some other way, or one more mistake would open something. `medium`: a tenant learns
 * or disturbs little. `low`: an upkeep.
 */
export type Severity = (typeof SEVERITIES)[number];
