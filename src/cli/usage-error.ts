import { PartywallError } from "../errors.js";

/** The command line cannot be meant; nothing was done, and the program ends with exit code 2. */
export class UsageError extends PartywallError {
  override readonly name = "UsageError";

  /** The message names the flag, argument or key, and what to do. */
  constructor(message: string, options?: ErrorOptions) {
    super("PW_USAGE", message, options);
  }
}
