import { PartywallError } from "../../errors.js";
import type { Placement } from "../../scope/tenant.js";

/** Throws `PW_PLACEMENT` for a placement that MongoDB does not have. */
export function assertPlaceable({ strategy, secret }: Placement): void {
  const why =
    strategy === "schema"
      ? "MongoDB has no schemas"
      : secret === undefined
        ? undefined
        : "the guard takes no login for one tenant";
  if (why === undefined) return;
  throw new PartywallError(
    "PW_PLACEMENT",
    `A tenant cannot be placed in MongoDB so: ${why}. Place it by row, or in a database of its own with a \`name\`.`,
  );
}
