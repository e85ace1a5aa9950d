/** Stands for every tenant that is not named. */
const OTHER = "other";
/** How many that are not named yet are counted for each place there is. */
const COUNTED_PER_PLACE = 20;

/** Gives names away until the places are taken, to those who come often enough. */
export class BoundedNames {
  readonly #after: number;
  readonly #places: number;
  readonly #named: Set<string>;
  // How often each was seen that has no name yet, the longest unseen first.
  readonly #seen = new Map<string, number>();

  constructor(rules: {
    readonly most: number;
    readonly after: number;
    readonly always: readonly string[];
  }) {
    this.#after = rules.after;
    this.#named = new Set(rules.always);
    this.#places = this.#named.size + rules.most;
  }

  nameOf(id: string): string {
    if (this.#named.has(id)) return id;
    // A tenant of that very name could not be told from the rest.
    if (id === OTHER || this.#named.size >= this.#places) return OTHER;
    const times = (this.#seen.get(id) ?? 0) + 1;
    this.#seen.delete(id);
    if (times >= this.#after) {
      this.#named.add(id);
      if (this.#named.size >= this.#places) this.#seen.clear();
      return id;
    }
    if (this.#seen.size >= this.#places * COUNTED_PER_PLACE) {
      const [oldest] = this.#seen.keys();
      if (oldest !== undefined) this.#seen.delete(oldest);
    }
    this.#seen.set(id, times);
    return OTHER;
  }
}
