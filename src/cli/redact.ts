const MASK = "[redacted]";

// Whatever stands where the password of an address stands, known or not.
const ADDRESS = /\b([a-z][a-z0-9+.-]*:\/\/)([^\s/@:"'`]*):([^\s"'`]*)@/gi;
// `password=…` as libpq writes it, and the likes of it in a query string.
const ASSIGNED =
  /\b(password|passwd|pwd|secret|token|api_?key)(\s*=\s*)('[^']*'|"[^"]*"|[^\s&;,'"]+)/gi;
const SECRET_NAME =
  /pass(word|wd|phrase)|(^|_)pass(_|$)|secret|token|credential|(api|private|access|signing|encryption)[_-]?key/i;

// Shorter texts are ordinary words too often to be taken out of everything that is printed.
const SHORTEST_PASSWORD = 4;
const SHORTEST_VALUE = 6;
const WORD = /^\w{1,15}$/;

/**
 * Takes secrets out of what is printed: the passwords of addresses, what environment variables of telling names hold,
 * and whatever else it was told.
 */
export class Redactor {
  readonly #secrets = new Set<string>();
  #pattern: RegExp | undefined;

  /** A text that must never be printed. One that is an ordinary word is found where it stands as a word of its own. */
  add(secret: string): void {
    if (secret.length < SHORTEST_PASSWORD) return;
    const before = this.#secrets.size;
    for (const form of [secret, encodeURIComponent(secret), decoded(secret)])
      this.#secrets.add(form);
    if (this.#secrets.size > before) this.#pattern = undefined;
  }

  /** The password of a text that may be an address. */
  addAddress(text: string): void {
    const [, user, password] = /^[a-z][a-z0-9+.-]*:\/\/([^:/@]*):(.+)@/is.exec(text.trim()) ?? [];
    // One that is the login's own name is told by the name.
    if (password === undefined || password === user) return;
    this.add(password);
    // An unescaped slash, # or ? ends the password for a parser, which then complains of the pieces.
    for (const piece of password.split(/[/?#@:]/)) if (piece !== user) this.add(piece);
  }

  /** The secrets of an environment: addresses wherever they are, other values by the variable's name. */
  addEnvironment(env: Readonly<Record<string, string | undefined>>): void {
    for (const [name, value] of Object.entries(env)) {
      if (value === undefined) continue;
      this.addAddress(value);
      if (!SECRET_NAME.test(name)) continue;
      for (const part of [value, ...value.split(/[\s,]+/)]) {
        if (part.length >= SHORTEST_VALUE) this.add(part);
      }
    }
  }

  /** The text without its secrets. */
  text(text: string): string {
    this.#pattern ??= patternOf(this.#secrets);
    return text
      .replace(this.#pattern, MASK)
      .replace(ADDRESS, (_, scheme: string, user: string) => `${scheme}${user}:${MASK}@`)
      .replace(ASSIGNED, (_, name: string, equals: string) => `${name}${equals}${MASK}`);
  }

  /** A copy of data without its secrets, those under a telling key included; the data stays valid JSON. */
  data(value: unknown): unknown {
    if (typeof value === "string") return this.text(value);
    if (Array.isArray(value)) return value.map((item) => this.data(item));
    if (typeof value !== "object" || value === null) return value;
    const { toJSON } = value as { readonly toJSON?: unknown };
    if (typeof toJSON === "function") return this.data(Reflect.apply(toJSON, value, []));
    const entries = Object.entries(value).map(([key, item]: [string, unknown]) => [
      this.text(key),
      typeof item === "string" && SECRET_NAME.test(key) ? MASK : this.data(item),
    ]);
    return Object.fromEntries(entries) as unknown;
  }
}

/** Matches every secret, the longest first, so that none is left in part because another one is a piece of it. */
function patternOf(secrets: ReadonlySet<string>): RegExp {
  const parts = [...secrets]
    .toSorted((a, b) => b.length - a.length)
    .map((secret) => {
      const literal = secret.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`);
      // "shop" as a password must not be cut out of "shop_app".
      return WORD.test(secret) ? `(?<!\\w)${literal}(?!\\w)` : literal;
    });
  // Nothing is matched by the empty negation.
  return new RegExp(parts.length === 0 ? "(?!)" : parts.join("|"), "g");
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Not percent-encoded, so there is no other form.
    return text;
  }
}
