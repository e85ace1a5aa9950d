import { PartywallError, partywallErrorOf } from "../../errors.js";
import { keepScope } from "../../guards/postgres/keep-scope.js";
import type { LoaderOptions, LoaderRequest } from "./internals.js";

interface Issued {
  readonly partition: string;
  /** Runs something in the scope of whoever issued the request. */
  readonly run: <T>(work: () => T) => T;
}

/**
 * Keeps the requests of different scopes out of each other's batches, and sends each batch in the scope that issued it.
 * Prisma's DataLoader collects what all callers ask in one turn of the event loop, by the form of the query alone, and
 * sends it all in the context of whoever came first.
 */
export function keyBatchesByScope(options: LoaderOptions, partition: () => string): void {
  const { batchBy, singleLoader, batchLoader } = options;
  const issued = new WeakMap<LoaderRequest, Issued>();

  const inItsScope = async (
    requests: readonly LoaderRequest[],
    load: () => Promise<unknown>,
  ): Promise<unknown> => {
    const [first, ...others] = requests.map((request) => issued.get(request));
    // What is never batched is sent where it was issued.
    if (first === undefined) return load();
    if (others.some((other) => other?.partition !== first.partition)) throw mixed();
    return first.run(load);
  };

  options.batchBy = (request) => {
    const key = batchBy(request);
    if (!key) return key;
    const scope = partition();
    issued.set(request, { partition: scope, run: keepScope((work) => work()) });
    // All of one $transaction([…]) must come together, to be refused together.
    return request.transaction?.kind === "batch" ? key : JSON.stringify([scope, key]);
  };
  options.singleLoader = (request) => inItsScope([request], () => singleLoader(request));
  options.batchLoader = async (requests) => {
    const results = await inItsScope(requests, () => batchLoader(requests));
    return Array.isArray(results) ? answered(results, requests.length) : results;
  };
}

// Prisma ends a transaction's batch at its first error; whoever asked for the rest would be told undefined.
function answered(results: readonly unknown[], wanted: number): readonly unknown[] {
  const last = partywallErrorOf(results.at(-1));
  if (last === undefined) return results;
  return Array.from({ length: wanted }, (_, n) => (n < results.length ? results[n] : last));
}

function mixed(): PartywallError {
  return new PartywallError(
    "PW_TRANSACTION_SCOPE",
    "A $transaction([…]) was given queries that were built in different scopes, so none of them was sent. Build and send a transaction in one scope.",
  );
}
