import * as fs from "node:fs/promises";
import type { ReadStream, Stats, WriteStream } from "node:fs";
import { copyInto, isExclusive } from "./copy.js";
import { flagBits } from "./flags.js";
import { isCode, linkRefused, type Folder } from "./folder.js";
import { list } from "./list.js";
import { openEntry, severalNames } from "./open.js";
import { asGiven } from "./native-error.js";
import type { Place, Places } from "./place.js";
import { notOffered } from "./refusals.js";
import { remove } from "./remove.js";
import { readStream, writeStream } from "./streams.js";

interface FileSettings {
  readonly encoding?: BufferEncoding | null;
  readonly flag?: unknown;
  readonly mode?: number | string;
  readonly flush?: boolean;
  readonly signal?: AbortSignal;
}
interface Settings {
  readonly recursive?: boolean;
  readonly force?: boolean;
  readonly bigint?: boolean;
  readonly encoding?: string | null;
  readonly withFileTypes?: boolean;
  readonly mode?: number | string;
}

/** The operations; each takes note of its scope and path before anything else. */
export class Operations {
  readonly #places: Places;
  readonly #hardLinks: boolean;

  constructor(places: Places, hardLinks: boolean) {
    this.#places = places;
    this.#hardLinks = hardLinks;
  }

  /** The operations as functions that need no `this`. */
  bound(): Record<string, unknown> {
    const names = Object.getOwnPropertyNames(Operations.prototype) as (keyof Operations)[];
    return Object.fromEntries(
      names
        .filter((name) => (name as string) !== "constructor" && name !== "bound")
        .map((name) => [name, (this[name] as () => unknown).bind(this)]),
    );
  }

  async readFile(path: unknown, options?: FileSettings | BufferEncoding | null): Promise<unknown> {
    const { flag, ...settings } = settingsOf(options);
    return this.#with(this.#places.of(path), flagBits(flag, "r"), undefined, async (handle) =>
      handle.readFile(settings as { encoding: BufferEncoding }),
    );
  }

  async writeFile(
    path: unknown,
    data: string,
    options?: FileSettings | BufferEncoding | null,
  ): Promise<void> {
    return this.#write(path, data, settingsOf(options), "w");
  }

  async appendFile(
    path: unknown,
    data: string,
    options?: FileSettings | BufferEncoding | null,
  ): Promise<void> {
    return this.#write(path, data, settingsOf(options), "a");
  }

  async open(path: unknown, flags?: unknown, mode?: number | string): Promise<fs.FileHandle> {
    return this.#open(this.#places.of(path), flagBits(flags, "r"), mode);
  }

  createReadStream(path: unknown, options?: unknown): ReadStream {
    const place = this.#places.of(path);
    return readStream(place.given, options, async (flags, mode) =>
      this.#open(place, flagBits(flags, "r"), mode as number),
    );
  }

  createWriteStream(path: unknown, options?: unknown): WriteStream {
    const place = this.#places.of(path);
    return writeStream(place.given, options, async (flags, mode) =>
      this.#open(place, flagBits(flags, "w"), mode as number),
    );
  }

  async mkdir(path: unknown, options?: Settings | number | string | null): Promise<unknown> {
    const place = this.#places.of(path);
    const { recursive = false, mode } =
      typeof options === "object" ? (options ?? {}) : { mode: options };
    if (!recursive) {
      return this.#places.reach(place, async (folder, name) => fs.mkdir(folder.at(name), mode));
    }
    let first: string | undefined;
    for (let depth = 1; depth <= place.segments.length; depth += 1) {
      const segments = place.segments.slice(0, depth);
      const made = await this.#places.reach({ ...place, segments }, async (folder, name) =>
        makeFolder(folder, name, mode),
      );
      if (made) first ??= segments.join("/");
    }
    return first;
  }

  async readdir(path: unknown, options?: Settings | string | null): Promise<unknown> {
    const place = this.#places.of(path);
    const {
      recursive = false,
      withFileTypes = false,
      encoding,
    } = typeof options === "object" ? (options ?? {}) : { encoding: options };
    if (encoding === "buffer") throw notOffered("readdir() with Buffers");
    const found = await this.#places.inside(place, async (folder) =>
      list(folder, place.given, recursive),
    );
    return found.map(({ entry, path: at }) => (withFileTypes ? entry : at));
  }

  async stat(path: unknown, options?: Settings): Promise<Stats> {
    return this.#places.reach(this.#places.of(path), async (folder, name) => {
      const stats = await fs.lstat(folder.at(name), options as { bigint?: false });
      if (stats.isSymbolicLink()) throw linkRefused();
      if (stats.isFile() && stats.nlink > 1 && !this.#hardLinks) throw severalNames();
      return stats;
    });
  }

  async lstat(path: unknown, options?: Settings): Promise<Stats> {
    return this.#places.reach(this.#places.of(path), async (folder, name) =>
      fs.lstat(folder.at(name), options as { bigint?: false }),
    );
  }

  async access(path: unknown, mode?: number): Promise<void> {
    return this.#places.reach(this.#places.of(path), async (folder, name) => {
      const before = await fs.lstat(folder.at(name), { bigint: true });
      if (before.isSymbolicLink()) throw linkRefused();
      await fs.access(folder.at(name), mode);
      await folder.assertOpened(name, before);
    });
  }

  async unlink(path: unknown): Promise<void> {
    return this.#places.reach(this.#places.below(path), async (folder, name) =>
      fs.unlink(folder.at(name)),
    );
  }

  async rmdir(path: unknown): Promise<void> {
    return this.#places.reach(this.#places.below(path), async (folder, name) =>
      fs.rmdir(folder.at(name)),
    );
  }

  async rm(path: unknown, options: Settings = {}): Promise<void> {
    const { recursive = false, force = false } = options;
    await this.#places
      .reach(this.#places.below(path), async (folder, name) => remove(folder, name, recursive))
      .catch((error: unknown) => {
        if (!force || !isCode(error, "ENOENT")) throw error;
      });
  }

  async rename(from: unknown, to: unknown): Promise<void> {
    const [source, target] = [this.#places.below(from), this.#places.below(to)];
    return this.#places.reach(source, async (folder, name) =>
      this.#places.reach(target, async (other, renamed) =>
        fs.rename(folder.at(name), other.at(renamed)).catch((error: unknown) => {
          throw asGiven(error, source.given, target.given);
        }),
      ),
    );
  }

  async copyFile(from: unknown, to: unknown, mode?: unknown): Promise<void> {
    const [source, target] = [this.#places.of(from), this.#places.below(to)];
    const bits = flagBits(isExclusive(mode) ? "wx" : "w", "w") & ~fs.constants.O_TRUNC;
    return this.#with(source, flagBits("r", "r"), undefined, async (read) =>
      this.#with(target, bits, undefined, async (written) => copyInto(read, written)),
    );
  }

  async #write(path: unknown, data: string, settings: FileSettings, flag: string): Promise<void> {
    const { flag: given, mode, flush = false, ...rest } = settings;
    const place = this.#places.of(path);
    return this.#with(place, flagBits(given, flag), mode, async (handle) => {
      await handle.writeFile(data, rest);
      if (flush) await handle.sync();
    });
  }

  async #open(
    place: Place,
    bits: number,
    mode: number | string | undefined,
  ): Promise<fs.FileHandle> {
    return this.#places.reach(place, async (folder, name) =>
      openEntry(folder, name, { bits, mode }, this.#hardLinks),
    );
  }

  async #with<T>(
    place: Place,
    bits: number,
    mode: number | string | undefined,
    use: (handle: fs.FileHandle) => Promise<T>,
  ): Promise<T> {
    const handle = await this.#open(place, bits, mode);
    try {
      return await use(handle);
    } finally {
      await handle.close();
    }
  }
}

async function makeFolder(
  folder: Folder,
  name: string,
  mode: number | string | undefined,
): Promise<boolean> {
  try {
    await fs.mkdir(folder.at(name), mode);
    return true;
  } catch (error) {
    if (!isCode(error, "EEXIST")) throw error;
    // Refused here where a link stands, and by the system where it is a file.
    await (await folder.enter(name)).close();
    return false;
  }
}

function settingsOf(options: FileSettings | BufferEncoding | null | undefined): FileSettings {
  return typeof options === "string" ? { encoding: options } : (options ?? {});
}
