import { PartywallError } from "../../errors.js";
import type { PgConnection } from "./driver.js";
import type { TicketedQuery } from "./query.js";

/** What a deadline does to the connection its query is on. */
export interface DeadlineKeeper {
  readonly connection: PgConnection;
  /** Takes a query out of the queue; false where it was sent already. */
  withdraw(query: TicketedQuery): boolean;
  /** Cancels what runs on the server. */
  cancel(): void;
}

/**
 * Ends a query that is not answered in time, on the server too, instead of leaving it running on a connection that
 * is lent again. Where even that is not answered after `drainMs` the connection is closed.
 */
export function keepDeadline(
  query: TicketedQuery,
  milliseconds: number,
  keeper: DeadlineKeeper,
  drainMs: number,
): void {
  const tell = query.callback;
  let drain: NodeJS.Timeout | undefined;
  const timer = setTimeout(() => {
    if (keeper.withdraw(query)) {
      query.handleError(
        new PartywallError(
          "PW_QUERY_TIMEOUT",
          "The statement waited longer than query_timeout behind others on its connection and was not sent.",
        ),
        keeper.connection,
      );
      return;
    }
    query.timedOut = true;
    drain = setTimeout(() => keeper.connection.stream.destroy(), drainMs);
    keeper.cancel();
  }, milliseconds);
  query.callback = (error, value) => {
    clearTimeout(timer);
    clearTimeout(drain);
    tell?.(error, value);
  };
}
