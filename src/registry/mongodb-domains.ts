import { setTimeout as wait } from "node:timers/promises";
import type { RegistryCollections } from "./mongodb-collections.js";
import { isDuplicate, type MongoDocument } from "./mongodb-driver.js";

/** The change of a tenant's record from `version` to the next, for which a domain is claimed. */
interface Claim {
  readonly tenant: string;
  readonly version: number;
}

/** What of a record decides about claims. */
interface Holder {
  readonly version: number;
  readonly domains: readonly string[];
}

const BETWEEN_LOOKS_MS = 50;
const LONGEST_CHANGE_MS = 1_000;
const LONGEST_CONTEST_MS = 10_000;

/**
 * Keeps each domain to one tenant without transactions. A record may name a domain only by the change, from version `v`
 * to the next, for which `{ _id: domain, tenant, version: v }` was claimed before. Of two claims for one `_id` the server
 * refuses one.
 *
 * What a claim is worth is told by its tenant's record. It names the domain: the domain is the tenant's. It does not,
 * and its version is past the claim's: the change did not come about or was taken back, and nobody can rely on the claim
 * any more, since a change from `v` needs the record at `v`. It does not, and its version is still the claim's: the
 * change is on its way, or whoever began it is gone. That is waited for; then the record's version is raised, so that
 * the change can come about no more, and the claim counts for nothing.
 *
 * So a claim left behind by a crash, at whatever step, costs the next claimant a second and no more; and claims are taken
 * over and removed only where the record's version is past theirs, in one step that asks for the very claim that was seen.
 */
export class DomainClaims {
  readonly #collections: RegistryCollections;

  constructor(collections: RegistryCollections) {
    this.#collections = collections;
  }

  /**
   * Claims a domain for the change of a tenant's record that is at this version and does not name it. `"conflict"`: the
   * record is past this version, or too many contend.
   */
  async claim(domain: string, own: Claim): Promise<"claimed" | "taken" | "conflict"> {
    const deadline = performance.now() + LONGEST_CONTEST_MS;
    let seen: Claim | undefined;
    let since = performance.now();
    /* oxlint-disable no-await-in-loop -- each look is at what the one before left */
    while (performance.now() < deadline) {
      if (await this.#insert(domain, own)) return "claimed";
      const held = await this.#read(domain);
      const state = held === undefined ? "gone" : await this.#stateOf(held, domain, own);
      if (state === "own") return "claimed";
      if (state === "taken" || state === "conflict") return state;
      if (state === "void" && (await this.#takeOver(domain, held!, own))) return "claimed";
      if (held?.tenant !== seen?.tenant || held?.version !== seen?.version) {
        seen = held;
        since = performance.now();
      }
      const isOverdue = performance.now() - since >= LONGEST_CHANGE_MS;
      if (state === "pending" && isOverdue) await this.#outdate(held!);
      else await wait(BETWEEN_LOOKS_MS);
    }
    return "conflict";
    /* oxlint-enable no-await-in-loop */
  }

  /**
   * Removes a tenant's claims of domains that its record, as it was read or written at this version, does not name. Claims
   * for changes from this version on stay.
   */
  async release(domains: readonly string[], { tenant, version }: Claim): Promise<void> {
    if (domains.length === 0) return;
    await this.#collections.domains.deleteMany({
      _id: { $in: [...domains] },
      tenant: { $eq: tenant },
      version: { $lt: version },
    });
  }

  async #stateOf(
    held: Claim,
    domain: string,
    own: Claim,
  ): Promise<"own" | "taken" | "conflict" | "void" | "pending"> {
    if (held.tenant === own.tenant) {
      if (held.version > own.version) return "conflict";
      // Two changes from one version may share a claim: only one of them can come about.
      return held.version === own.version ? "own" : "void";
    }
    const holder = await this.#holder(held.tenant);
    if (holder === undefined) return "void";
    if (holder.domains.includes(domain)) return "taken";
    return holder.version > held.version ? "void" : "pending";
  }

  async #insert(domain: string, own: Claim): Promise<boolean> {
    try {
      await this.#collections.domains.insertOne({ _id: domain, ...own });
      return true;
    } catch (error) {
      if (isDuplicate(error)) return false;
      throw error;
    }
  }

  async #read(domain: string): Promise<Claim | undefined> {
    const [found] = await this.#collections.domains.find({ _id: { $eq: domain } }).toArray();
    return found as (MongoDocument & Claim) | undefined;
  }

  async #holder(tenant: string): Promise<Holder | undefined> {
    const [found] = await this.#collections.tenants.find({ _id: { $eq: tenant } }).toArray();
    return found as (MongoDocument & Holder) | undefined;
  }

  async #takeOver(domain: string, held: Claim, own: Claim): Promise<boolean> {
    const { matchedCount } = await this.#collections.domains.updateOne(
      { _id: { $eq: domain }, tenant: { $eq: held.tenant }, version: { $eq: held.version } },
      { $set: { ...own } },
    );
    return matchedCount === 1;
  }

  /** Raises the version of a record past a claim, unless it has changed meanwhile. */
  async #outdate({ tenant, version }: Claim): Promise<void> {
    const holder = await this.#holder(tenant);
    if (holder === undefined || holder.version > version) return;
    await this.#collections.tenants.updateOne(
      { _id: { $eq: tenant }, version: { $eq: holder.version } },
      { $set: { version: version + 1 } },
    );
  }
}
