import { isDeepStrictEqual } from "node:util";
import { PartywallError } from "../../errors.js";
import type { PgCallback } from "./driver.js";
import { displaced, isDisplaced } from "./refusals.js";
import { isTenantTicket, type TenantTicket, type Ticket, type TicketOffice } from "./ticket.js";

/**
 * A callback that is told `PW_PLACEMENT_STALE` where a seal was refused because the tenant has moved, which the registry
 * knows; and has the record read again for the scopes to come.
 */
export function tellingMoves(office: TicketOffice, ticket: Ticket, done: PgCallback): PgCallback {
  if (!isTenantTicket(ticket)) return done;
  return (error, result) => {
    if (!error || !isDisplaced(error)) return done(error, result);
    office.host.relocated(ticket.tenantId);
    if (error.code === "PW_SEAL_REFUSED") void tell(office, ticket, error, done);
    else done(error);
  };
}

async function tell(
  office: TicketOffice,
  ticket: TenantTicket,
  refused: PartywallError,
  done: PgCallback,
): Promise<void> {
  let told = refused;
  try {
    const now = await office.host.placement(ticket.tenantId);
    if (!isDeepStrictEqual(now, office.placementOf(ticket))) {
      told = displaced(
        new PartywallError(
          "PW_PLACEMENT_STALE",
          "The statement was not run: the tenant has moved to another place. Repeat the transaction.",
          { cause: refused.cause },
        ),
      );
    }
  } catch {
    // The tenant may not be entered, says the registry; so says the refused seal.
  }
  done(told);
}
