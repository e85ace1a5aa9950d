import { openGoals } from "../../goals-database.js";

/** The instance, over a PostgreSQL that is made on the start; an application of yours names its own by environment. */
export const { pw, folder, stop } = await openGoals();
