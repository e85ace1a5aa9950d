import { AsyncLocalStorage } from "node:async_hooks";
import { PartywallError } from "../../errors.js";
import type { Credentials, NativeConfig } from "./native.js";

/**
 * Who may sign with a client's credentials: only what passed the guard. Whatever else takes them from the client's configuration, a
 * signer of its own or a presigned post, could sign for any key.
 */
export class Signatures {
  readonly #passes = new AsyncLocalStorage<{ open: boolean }>();

  constructor(config: NativeConfig, credentials: Credentials) {
    const kept = async (...args: never[]) => {
      if (this.#passes.getStore()?.open === true) return credentials(...args);
      throw new PartywallError(
        "PW_STATEMENT_REFUSED",
        "The credentials of a guarded S3 client were asked for by something other than its commands, which could sign for any key. Send " +
          "and sign commands with the client itself; posts are signed by guardPresignedPost().",
      );
    };
    Object.defineProperty(config, "credentials", {
      // The marks by which the SDK knows that it need not wrap the function once more.
      value: Object.assign(kept, credentials),
      enumerable: true,
      configurable: false,
      writable: false,
    });
  }

  /** Lets `fn` have credentials until it has settled; what outlives it, like the listeners of a stream, gets none. */
  async during<T>(fn: () => Promise<T>): Promise<T> {
    const pass = { open: true };
    try {
      return await this.#passes.run(pass, fn);
    } finally {
      pass.open = false;
    }
  }
}
