import type { Loan } from "./loan.js";
import type { Permit } from "./permits.js";

/** The connection that a driver has reserved for its caller, over several statements. */
export interface WireSession {
  loan?: Loan | undefined;
  /** Whether a statement of it is under way, up to the last that the driver and the server say of it. */
  isBusy?: boolean;
  /** Whether its caller has given it back; nothing is kept for it any more. */
  isReleased?: boolean;
  /** Called once when it is no more busy. */
  onIdle?: (() => void) | undefined;
}

/** A statement on its way: under what permit it was issued, and for whom. */
export interface Errand {
  readonly permit: Permit;
  /** Keeps its connection for the statements to come. */
  readonly session?: WireSession | undefined;
  /** Whether the driver keeps its connection for those who belong to the transaction that it begins. */
  readonly isReserved: boolean;
  /** Whether a transaction that it begins stays open. */
  readonly mayBegin: boolean;
  /** Whether the driver sends it by itself, and does not bear its failure. */
  readonly isStartUp?: boolean;
  /** Set by the caller who does not want it any more. */
  isCancelled?: boolean;
  /** Set while it is on its way: cancels it there. */
  cancel?: (() => void) | undefined;
  /** Tells the caller an error that the protocol cannot carry; returns what marks it in the server's place. */
  refuse(error: Error): string | undefined;
}

/** What the wire asks of the adapter of a driver. */
export interface WireDesk {
  /**
   * Finds what a text was issued as. Throws where it was not issued.
   * @param opener the errand that began the last transaction on this wire
   */
  redeem(
    text: string,
    opener: Errand | undefined,
  ): { readonly text: string; readonly errand: Errand };
}
