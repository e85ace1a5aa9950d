// One contender in a process of its own, see contender.ts. It measures when told to and rests otherwise.
import type { Assignment, Order } from "./contender.js";
import { prepareContender, proveReader, type OpenReader, type Reader } from "./contenders.js";
import { wantedRows } from "./rows.js";
import { takeSlice } from "./slices.js";

let assignment: Assignment;
let open: OpenReader;
// One network at a time, so that no server runs out of connections.
let current: { readonly network: string; readonly reader: Reader } | undefined;

async function accept(given: Assignment): Promise<void> {
  assignment = given;
  open = await prepareContender(given.spec, given.size, given.folder);
}

async function readerOn(network: string): Promise<Reader> {
  if (current?.network === network) return current.reader;
  const url = assignment.urls[network];
  if (url === undefined) throw new Error(`There is no network ${network}.`);
  await current?.reader.end();
  const reader = open(url);
  const next = wantedRows(assignment.size);
  await proveReader(reader, [next(), next(), next()]);
  current = { network, reader };
  return reader;
}

async function obey({ network, statements, concurrency, milliseconds }: Order) {
  const reader = await readerOn(network);
  const next = wantedRows(assignment.size);
  const work =
    statements === undefined
      ? () => reader.lone(next())
      : () => {
          const wanted = Array.from({ length: statements }, next);
          return reader.transaction(
            wanted[0]?.tenant as string,
            wanted.map(({ id }) => id),
          );
        };
  return takeSlice(work, concurrency, milliseconds);
}

process.on("message", (message: Assignment | Order) => {
  const answer = "spec" in message ? accept(message) : obey(message);
  answer.then(
    (slice) => process.send?.({ slice: slice ?? null }),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
// The parent is gone, or done.
process.on("disconnect", () => process.exit());
