import { expect, test } from "vitest";
import { PartywallError } from "partywall";
import { WireSocket } from "../../../src/guards/postgres/wire/socket.js";

const refusing = {
  redeem: () => {
    throw new PartywallError("PW_STATEMENT_REFUSED", "It was not issued.");
  },
};

/** A message of the driver's; what begins a connection has no type. */
function message(type: string, body: string): Buffer {
  const bytes = Buffer.from(`${type}\0\0\0\0${body}`, "latin1");
  bytes.writeUInt32BE(bytes.length - type.length, type.length);
  return bytes;
}
const startup = (...words: string[]) => message("", `\0\x03\0\0${words.join("\0")}\0\0`);

/** What a socket answers to what is written to it, by the types of its messages. */
async function answers(...written: Buffer[]): Promise<{ types: string; isOpen: boolean }> {
  const socket = new WireSocket(refusing);
  let told = Buffer.alloc(0);
  socket.on("data", (bytes: Buffer) => (told = Buffer.concat([told, bytes])));
  for (const bytes of written) socket.write(bytes);
  await new Promise((resolve) => setImmediate(resolve));
  let types = "";
  for (let at = 0; at < told.length; at += 1 + told.readUInt32BE(at + 1)) {
    types += told.toString("latin1", at, at + 1);
  }
  return { types, isOpen: socket.readyState === "open" };
}

const START = startup("user", "a", "database", "b");

test("a driver is welcomed without a server", async () => {
  expect(await answers(START)).toEqual({ types: "RSSSSZ", isOpen: true });
});

test("a driver that asks for replication is refused, and closed", async () => {
  for (const value of ["database", "true", "1"]) {
    expect(await answers(startup("user", "a", "replication", value))).toEqual({
      types: "E",
      isOpen: false,
    });
  }
  // A name is not a value.
  expect((await answers(startup("user", "replication"))).isOpen).toBe(true);
});

test("what was not issued is refused, up to its Sync, and the next is heard", async () => {
  const parse = message("P", "\0select 1\0\0\0");
  const bind = message("B", "\0\0\0\0\0\0\0\0");
  const sync = message("S", "");
  const query = message("Q", "select 1\0");
  expect((await answers(START, parse, bind, sync)).types).toBe("RSSSSZEZ");
  expect((await answers(START, query)).types).toBe("RSSSSZEZ");
  expect((await answers(START, parse, bind, query, sync, query)).types).toBe("RSSSSZEZEZ");
  expect((await answers(START, bind, sync)).types).toBe("RSSSSZEZ");
});

test("messages are heard however they are cut", async () => {
  const all = Buffer.concat([START, message("Q", "select 1\0"), message("S", "")]);
  const bytes = Array.from(all, (_, at) => all.subarray(at, at + 1));
  expect((await answers(...bytes)).types).toBe("RSSSSZEZZ");
});
