import * as asyncHooks from "node:async_hooks";
import type { AsyncLocalStorage } from "node:async_hooks";
import { PartywallError } from "../errors.js";
import type { Scope } from "./scope.js";
import type { ScopeSource } from "./source.js";

/** Version of what copies of this module share through the anchor; raised when its shape or meaning changes. */
const ANCHOR_VERSION = 1;

const ANCHOR_KEY = Symbol.for("partywall.scope");

/** Who uses a realm name in this process. */
export interface RealmClaim {
  fingerprints: readonly string[];
  instances: number;
}

/** What every copy of this module in one process shares. */
export interface ScopeAnchor {
  readonly version: number;
  readonly als: AsyncLocalStorage<Scope | undefined>;
  readonly sources: ScopeSource[];
  readonly realms: Map<string, RealmClaim>;
}

/** The one anchor of the process: two copies of the package (a duplicate install, a reload) see the same scopes. */
export const anchor: ScopeAnchor = findOrCreateAnchor();

function findOrCreateAnchor(): ScopeAnchor {
  refuseEdgeRuntime();
  const holder = globalThis as { [ANCHOR_KEY]?: ScopeAnchor };
  const existing = holder[ANCHOR_KEY];
  if (existing === undefined) {
    const created: ScopeAnchor = Object.freeze({
      version: ANCHOR_VERSION,
      als: new asyncHooks.AsyncLocalStorage<Scope | undefined>(),
      sources: [],
      realms: new Map<string, RealmClaim>(),
    });
    Object.defineProperty(globalThis, ANCHOR_KEY, { value: created, configurable: true });
    return created;
  }
  if (existing.version !== ANCHOR_VERSION) {
    throw new PartywallError(
      "PW_INCOMPATIBLE_COPY",
      `Two copies of partywall are loaded in this process and cannot share a scope (protocol ${String(existing.version)} ` +
        `is loaded, this copy speaks ${ANCHOR_VERSION}). Install one version: see npm ls partywall.`,
    );
  }
  return existing;
}

function refuseEdgeRuntime(): void {
  const edge = "EdgeRuntime" in globalThis;
  if (!edge && typeof asyncHooks.AsyncLocalStorage === "function") return;
  throw new PartywallError(
    "PW_CONFIG",
    "partywall was imported in an edge runtime. Its guards hold database sockets and its scopes need Node.js " +
      "AsyncLocalStorage, which that runtime does not give in full. Run this code in the Node.js runtime " +
      '(in Next.js: export const runtime = "nodejs").',
  );
}
