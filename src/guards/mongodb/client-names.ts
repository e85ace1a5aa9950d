/** What a guarded client calls itself beside the driver, when it connects. */
export const GUARD_NAME = "partywall";

/** What the audit's own clients call themselves. */
export const AUDIT_NAME = "partywall audit";
