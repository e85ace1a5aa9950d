import { PartywallError } from "../../errors.js";
import { tenantOf } from "../../scope/current.js";
import { asGiven } from "./native-error.js";
import { folderName } from "./folder-name.js";
import { entered, rootFolder, type Folder } from "./folder.js";
import type { FilesHost, TenantFilesOptions } from "./options.js";
import { pathRefused, segmentsOf } from "./path.js";

/** Who else may read what is the tenants' is not for the process's umask to say. */
const OWNER_ONLY = 0o700;

/** A path of the application, and whose it is; made when the call is issued. */
export interface Place {
  readonly given: string;
  /** Folders from the root to the tenant's, made where they are missing. */
  readonly base: readonly string[];
  /** Names from the tenant's folder on. */
  readonly segments: readonly string[];
}

/** Finds and reaches places under one root. */
export class Places {
  readonly #host: FilesHost;
  readonly #options: Required<TenantFilesOptions>;
  readonly #held: boolean | undefined;

  constructor(host: FilesHost, options: Required<TenantFilesOptions>, held?: boolean) {
    this.#host = host;
    this.#options = options;
    this.#held = held;
  }

  /** The place of a path in this moment's scope. Throws `TenantContextError` and `PW_PATH_REFUSED`. */
  of(path: unknown): Place {
    const scope = this.#host.scope();
    const base =
      scope?.kind === "system" && this.#options.system
        ? []
        : [this.#host.realm, tenantOf(scope).id].map(folderName);
    return { given: path as string, base, segments: segmentsOf(path) };
  }

  /** As {@link of}, for what the tenant's folder itself must not suffer. */
  below(path: unknown): Place {
    const place = this.of(path);
    if (place.segments.length === 0) throw pathRefused("it names the folder itself");
    return place;
  }

  /** Calls `use` with the folder that the place is in and its name there, `"."` for the tenant's folder. */
  async reach<T>(place: Place, use: (folder: Folder, name: string) => Promise<T>): Promise<T> {
    const { given, base, segments } = place;
    let folder: Folder | undefined;
    const step = async (next: (from: Folder) => Promise<Folder>, from: Folder): Promise<void> => {
      folder = await next(from);
      await from.close();
    };
    try {
      folder = await this.#root();
      for (const name of base) await step(async (from) => entered(from, name, OWNER_ONLY), folder);
      for (const name of segments.slice(0, -1))
        await step(async (from) => from.enter(name), folder);
      return await use(folder, segments.at(-1) ?? ".");
    } catch (error) {
      throw asGiven(error, given);
    } finally {
      await folder?.close();
    }
  }

  async #root(): Promise<Folder> {
    try {
      return await rootFolder(this.#options.root, this.#held);
    } catch (cause) {
      throw new PartywallError(
        "PW_CONFIG",
        "tenantFiles(): the folder given as root cannot be opened. Make it, and let the process read and write it.",
        { cause },
      );
    }
  }

  /** Calls `use` with the folder that the place names. */
  async inside<T>(place: Place, use: (folder: Folder) => Promise<T>): Promise<T> {
    return this.reach(place, async (folder, name) => {
      const inner = await folder.enter(name);
      try {
        return await use(inner);
      } finally {
        await inner.close();
      }
    });
  }
}
