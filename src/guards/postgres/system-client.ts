import { PartywallError } from "../../errors.js";
import { outside } from "../../scope/outside.js";
import { cancelRunning } from "./cancel.js";
import type { PgCallback, PgClient, PgInternals } from "./driver.js";
import { keepScope } from "./keep-scope.js";
import { isSubmittable, textOf } from "./statement-of.js";
import { keepContext } from "./submittable.js";
import type { TicketOffice } from "./ticket.js";

/** The caller's own Client class for the system login: it sends nothing outside a system scope. */
export function systemClientClass(
  pg: PgInternals,
  office: TicketOffice,
): new (config?: unknown) => PgClient {
  return class Client extends pg.Client {
    #status = "I";
    #isCancelled = false;

    override connect(callback?: unknown): unknown {
      const done = typeof callback === "function" ? keepScope(callback as () => void) : undefined;
      return outside(() => super.connect(done));
    }

    override query(config: unknown, values?: unknown, callback?: unknown): unknown {
      const given = typeof values === "function" ? values : callback;
      const parameters = typeof values === "function" ? undefined : values;
      const done = typeof given === "function" ? keepScope(given as PgCallback) : undefined;
      const submittable = isSubmittable(config);
      if (submittable) keepContext(config);
      if (office.inSystemScope()) {
        office.proofs.note(textOf(config));
        return super.query(config, parameters, done);
      }
      office.host.denied({ code: "PW_STATEMENT_REFUSED", wire: "postgres" });
      const error = new PartywallError(
        "PW_STATEMENT_REFUSED",
        "A connection of the system login was used outside its system scope, so nothing was sent. Keep it inside pw.system({ reason }, fn) and release it there.",
      );
      if (submittable) {
        process.nextTick(() => config.handleError(error, this.connection));
        return config;
      }
      if (done === undefined) return this._Promise.reject(error);
      process.nextTick(done, error);
      return undefined;
    }

    override _handleReadyForQuery(message: { readonly status?: "I" | "T" | "E" }): void {
      this.#status = message.status ?? "I";
      super._handleReadyForQuery(message);
    }

    cancel(): void {
      this.#isCancelled = true;
      void cancelRunning(pg, this);
    }

    // A request to cancel may come late, and must not hit the next borrower's statement.
    isClean(): boolean {
      return this.#status === "I" && !this.#isCancelled;
    }

    // A transaction left open would run on in the next system scope.
    settle(done: (destroy: boolean) => void): void {
      done(true);
    }
  };
}
