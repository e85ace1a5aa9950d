import { partywallErrorOf } from "../errors.js";
import type { PgModule } from "../guards/postgres/driver.js";
import type { PostgresGuard } from "../guards/postgres/guard.js";
import { keepScope } from "../guards/postgres/keep-scope.js";
import {
  bypassed,
  internalsOf,
  type PrismaInternals,
  type PrismaPgFactory,
} from "./prisma/internals.js";
import { keyBatchesByScope } from "./prisma/scoped-batches.js";
import { leaveNamesUnqualified } from "./prisma/unqualified-names.js";

/** The part of a guard that {@link guardPrisma} takes. */
export type PrismaGuard = Pick<PostgresGuard<PgModule>, "Pool" | "partition" | "scope">;

/** Clients and adapters that are fitted already; a pool is one guard's, so it was to the same. */
const fitted = new WeakSet<object>();

/**
 * Fits a `PrismaClient` of version 7 to the guard whose pool it was given, before its first query, and returns that same
 * client: batches are kept apart by scope, a query runs in the scope that built it, names lead to the tenant's own
 * tables, and errors of the wall reach the caller as they are. What is extended of it with `$extends`, before or after,
 * is fitted too. Throws `PW_GUARD_BYPASSED` where the client does not use a pool of the guard, and `PW_CONFIG` for a
 * client or adapter it does not know.
 *
 * @example
 * ```ts
 * import { PrismaPg } from "@prisma/adapter-pg";
 * import { createPartywall } from "partywall";
 * import { guardPrisma } from "partywall/adapters/prisma";
 * import { guardPg } from "partywall/guards/postgres";
 * import pg from "pg";
 *
 * declare const PrismaClient: new (options: { adapter: PrismaPg }) => {
 *   order: { findMany(): Promise<object[]> };
 * };
 *
 * const guard = guardPg(pg, { app: process.env["APP_URL"], system: process.env["SYSTEM_URL"] });
 * const pw = createPartywall({ secret: process.env["PARTYWALL_SECRET"], postgres: guard });
 * const db = guardPrisma(guard, new PrismaClient({ adapter: new PrismaPg(guard.pool) }));
 * await pw.run({ slug: "acme" }, () => db.order.findMany());
 * ```
 */
export function guardPrisma<Client extends object>(guard: PrismaGuard, prisma: Client): Client {
  const client = internalsOf(prisma);
  const { adapter } = client._engineConfig;
  if (!usesPoolOf(guard, adapter)) throw bypassed();
  if (fitted.has(client)) return prisma;
  if (!fitted.has(adapter)) watchConnections(guard, adapter);
  fitted.add(client).add(adapter);
  keyBatchesByScope(client._requestHandler.dataloader.options, () => guard.partition());
  runWhereBuilt(guard, client);
  tellWallErrors(client);
  return prisma;
}

function usesPoolOf({ Pool }: PrismaGuard, { externalPool }: PrismaPgFactory): boolean {
  return externalPool instanceof Pool;
}

function watchConnections(guard: PrismaGuard, factory: PrismaPgFactory): void {
  const connect = factory.connect.bind(factory);
  factory.connect = async () => {
    // After { disposeExternalPool } and $disconnect() it would open a pool of its own.
    if (!usesPoolOf(guard, factory)) throw bypassed();
    const adapter = await connect();
    leaveNamesUnqualified(adapter);
    return adapter;
  };
}

// A query is sent when it is awaited, which may be in another scope than the one it was built in.
function runWhereBuilt(guard: PrismaGuard, client: PrismaInternals): void {
  const create = client._createPrismaPromise;
  client._createPrismaPromise = (callback, spec) => {
    const builtIn = guard.scope();
    const kept = keepScope(callback);
    return create(
      // In the same scope the caller's other contexts, such as a trace, are the present ones.
      (transaction) => (guard.scope() === builtIn ? callback : kept)(transaction),
      spec,
    );
  };
}

// Prisma makes an error of its own of whatever has a code, and keeps nothing of it but the message.
function tellWallErrors({ _requestHandler: handler }: PrismaInternals): void {
  const handleRequestError = handler.handleRequestError.bind(handler);
  handler.handleRequestError = (failure) => {
    const told = partywallErrorOf(failure.error);
    if (told !== undefined) throw told;
    return handleRequestError(failure);
  };
}
