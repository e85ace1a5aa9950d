/** The collection of a tenant's own database in which it says whose it is. */
export const MARK_COLLECTION = "partywall.home";
/** The `_id` of what says so, the only document there. */
export const MARK_ID = "home";

/** Whether a collection is Partywall's own, which is no tenant's. */
export const isApart = (name: string): boolean => name.startsWith("partywall.");
