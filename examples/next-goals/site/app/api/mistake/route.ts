import { unstable_cache } from "next/cache";
import { list } from "../../../lib/goals";
import { route } from "../../../lib/tenancy";

// A mistake on purpose: one result for every tenant. It is refused, and the error names the helper.
const cached = unstable_cache(list, ["goals"]);

export const GET = route(async () => Response.json(await cached()));
