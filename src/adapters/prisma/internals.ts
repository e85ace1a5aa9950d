import { PartywallError } from "../../errors.js";

/** A request that waits in Prisma's DataLoader for the end of the turn. */
export interface LoaderRequest {
  readonly transaction?: { readonly kind: string };
}

/** How Prisma's DataLoader puts requests together and sends them. */
export interface LoaderOptions {
  batchBy(this: void, request: LoaderRequest): string | undefined;
  singleLoader(this: void, request: LoaderRequest): Promise<unknown>;
  batchLoader(this: void, requests: readonly LoaderRequest[]): Promise<unknown>;
}

/** Makes the lazy promise of one query; `callback` sends it when it is awaited. */
export type CreatePrismaPromise = (
  callback: (transaction?: unknown) => unknown,
  spec?: unknown,
) => unknown;

/** What sends one query over a connection, or over the pool. */
export interface PrismaQueryable {
  queryRaw(query: PrismaQuery): Promise<unknown>;
  executeRaw(query: PrismaQuery): Promise<unknown>;
}

/** A query as Prisma's engine hands it to the adapter. */
export interface PrismaQuery {
  readonly sql: string;
}

/** The connected adapter. */
export interface PrismaAdapter extends PrismaQueryable {
  startTransaction(isolationLevel?: unknown): Promise<PrismaQueryable>;
  getConnectionInfo(): { readonly schemaName?: string | undefined };
}

/** `new PrismaPg(pool)`. */
export interface PrismaPgFactory {
  /** Null where it was given anything but an instance of its own copy of `pg.Pool`, or has closed that. */
  readonly externalPool: unknown;
  connect(): Promise<PrismaAdapter>;
}

/** What is looked at and changed of the client beneath a `PrismaClient`, its extensions and its transactions. */
export interface PrismaInternals {
  readonly _requestHandler: {
    readonly dataloader: { readonly options: LoaderOptions };
    handleRequestError(failure: { readonly error: unknown }): never;
  };
  readonly _engineConfig: { readonly adapter: PrismaPgFactory };
  _createPrismaPromise: CreatePrismaPromise;
}

const SUPPORTED = "7";

/**
 * The client that a `PrismaClient` and all that was extended of it share. Throws `PW_CONFIG` where that is not the one
 * of a version this adapter knows, and `PW_GUARD_BYPASSED` where there is no driver adapter in it.
 */
export function internalsOf(prisma: object): PrismaInternals {
  const client = at(prisma, "_originalClient");
  const version = at(client, "_clientVersion");
  const isKnown =
    typeof version === "string" &&
    version.split(".")[0] === SUPPORTED &&
    functions(at(client, "_requestHandler", "dataloader", "options"), [
      "batchBy",
      "singleLoader",
      "batchLoader",
    ]) &&
    functions(at(client, "_requestHandler"), ["handleRequestError"]) &&
    functions(client, ["_createPrismaPromise"]) &&
    at(client, "_engineConfig") !== undefined;
  if (!isKnown) {
    throw unknownShape(
      "The client",
      typeof version === "string" ? `version ${version}` : "not a PrismaClient",
    );
  }
  const adapter = at(client, "_engineConfig", "adapter");
  if (adapter === undefined) throw bypassed();
  if (!functions(adapter, ["connect"]) || !("externalPool" in (adapter as object))) {
    throw unknownShape("Its driver adapter", `not the PrismaPg of version ${SUPPORTED}`);
  }
  return client as PrismaInternals;
}

/** What is told of a client whose statements would not pass the guard. */
export function bypassed(): PartywallError {
  return new PartywallError(
    "PW_GUARD_BYPASSED",
    "This PrismaClient does not send its statements through the guard's pool, so no tenant would be put on any of them. Give it new PrismaPg(guard.pool); where it has that, PrismaPg loads another copy of pg than guardPg() was given, and opened a pool of its own (npm ls pg). See docs/adapters/prisma.md.",
  );
}

/** What is told of a part of Prisma that is not what this adapter was written for. */
function unknownShape(what: string, found: string): PartywallError {
  return new PartywallError(
    "PW_CONFIG",
    `${what} given to guardPrisma() is not one it knows (${found}), so it could not keep tenants' queries apart above the driver. Supported are @prisma/client and @prisma/adapter-pg ${SUPPORTED}.x; give each tenant a client of its own over the pool, or install one of these.`,
  );
}

function at(from: unknown, ...path: readonly string[]): unknown {
  let value = from;
  for (const name of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = Reflect.get(value, name);
  }
  return value;
}

function functions(of: unknown, names: readonly string[]): boolean {
  return names.every((name) => typeof at(of, name) === "function");
}
