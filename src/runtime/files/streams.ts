import {
  createReadStream,
  createWriteStream,
  fsync,
  read,
  write,
  writev,
  type ReadStream,
  type WriteStream,
} from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { PartywallError } from "../../errors.js";

type Opener = (flags: unknown, mode: unknown) => Promise<FileHandle>;
type Settings = Readonly<Record<string, unknown>>;

/** A stream of `node:fs` over what `open` opens. */
export function readStream(path: string, options: unknown, open: Opener): ReadStream {
  return createReadStream(path, {
    ...settingsOf(options),
    fs: { ...through(open), read },
  });
}

/** A stream of `node:fs` over what `open` opens. */
export function writeStream(path: string, options: unknown, open: Opener): WriteStream {
  return createWriteStream(path, {
    ...settingsOf(options),
    fs: { ...through(open), write, writev, fsync },
  } as never);
}

function settingsOf(options: unknown): Settings {
  const settings =
    typeof options === "string" ? { encoding: options } : ((options ?? {}) as Settings);
  for (const name of ["fd", "fs"])
    if (name in settings && settings[name] !== undefined && settings[name] !== null)
      throw new PartywallError(
        "PW_STATEMENT_REFUSED",
        `tenantFiles(): a stream was asked for with the option "${name}", which leads past the tenant's folder. Leave it out.`,
      );
  return settings;
}

function through(open: Opener) {
  // Kept: a handle that is collected closes its descriptor under the stream.
  let handle: FileHandle | undefined;
  return {
    open(
      _path: string,
      flags: unknown,
      mode: unknown,
      done: (error: unknown, fd?: number) => void,
    ) {
      open(flags, mode).then(
        (opened) => {
          handle = opened;
          done(null, opened.fd);
        },
        (error: unknown) => done(error),
      );
    },
    close(_fd: number, done: (error?: unknown) => void) {
      (handle?.close() ?? Promise.resolve()).then(() => done(), done);
    },
  };
}
