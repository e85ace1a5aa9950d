import { TextDecoder } from "node:util";
import { AS_WRITTEN } from "./archive.js";
import { invalidArchive } from "./refusal.js";

/** What an archive is read from: a Node.js stream, or what `exportTenant` gives. */
export type ArchiveSource = AsyncIterable<string | Uint8Array>;

// A row in PostgreSQL is at most 1 GB of text, a string in V8 512 MB; what never ends must not fill the memory.
const MAX_LINE = 400 * 1024 * 1024;

/** The lines of an archive, however its bytes are cut. Throws `PW_ARCHIVE_INVALID` for what is no UTF-8. */
export async function* archiveLines(source: ArchiveSource): AsyncGenerator<string, void> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let parts: string[] = [];
  let length = 0;
  for await (const chunk of source) {
    const text = typeof chunk === "string" ? chunk : decoded(decoder, chunk);
    let from = 0;
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", from)) {
      parts.push(text.slice(from, at));
      yield parts.length === 1 ? parts[0]! : parts.join("");
      parts = [];
      length = 0;
      from = at + 1;
    }
    if (from < text.length) {
      parts.push(text.slice(from));
      length += text.length - from;
      if (length > MAX_LINE) {
        throw invalidArchive(`A line of the archive has no end. ${AS_WRITTEN}`);
      }
    }
  }
  decoded(decoder, undefined);
  // Every line is ended when it is written, the last one too.
  if (parts.length > 0) throw invalidArchive(`The archive ends within a line. ${AS_WRITTEN}`);
}

function decoded(decoder: TextDecoder, chunk: Uint8Array | undefined): string {
  try {
    return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
  } catch (cause) {
    throw invalidArchive(
      "The archive is no UTF-8. Where it is compressed, decompress it first.",
      cause,
    );
  }
}
