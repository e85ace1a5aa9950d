import { createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { BSON, type Document } from "mongodb";

/** What stands in for a server where none has an operation: it notes the commands on the wire and answers as it is told. */
export interface MongoListener {
  /** `mongodb://127.0.0.1:<port>/`, of a replica set of one. */
  readonly url: string;
  /** Every command since the last {@link clear} that no driver sends by itself, as it was on the wire. */
  commands(): Document[];
  /** Forgets the commands. */
  clear(): void;
  /** Answers the next command of a name; others get the plainest answer there is. Refuse it with an `ok` of 0. */
  answerNext(name: string, answer: Document | Promise<Document>): void;
  close(): Promise<void>;
}

// What drivers say by themselves.
const OWN = new Set(["hello", "ismaster", "isMaster", "ping", "endSessions", "saslStart"]);
const WAITING = BSON.Long.fromNumber(7);
const OP_REPLY = 1;
const OP_QUERY = 2004;
const OP_MSG = 2013;

/** Listens on a free port of 127.0.0.1. It keeps no documents: what it is for is what was asked of it. */
export async function startMongoListener(): Promise<MongoListener> {
  const seen: Document[] = [];
  const answers = new Map<string, (Document | Promise<Document>)[]>();
  const sockets = new Set<Socket>();
  let address = "";
  const answerTo = async (command: Document): Promise<Document> => {
    const [name = ""] = Object.keys(command);
    if (!OWN.has(name)) seen.push(command);
    const next = answers.get(name)?.shift();
    if (next !== undefined) return next;
    return name === "hello" || name.toLowerCase() === "ismaster"
      ? greeting(address)
      : plainAnswer(name, command);
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => sockets.delete(socket));
    let rest: Buffer = Buffer.alloc(0);
    socket.on("data", (bytes) => {
      rest = Buffer.concat([rest, bytes]);
      while (rest.length >= 4 && rest.length >= rest.readInt32LE(0)) {
        const message = rest.subarray(0, rest.readInt32LE(0));
        rest = rest.subarray(message.length);
        const command = commandIn(message);
        void answerTo(command).then((answer) => {
          if (!socket.destroyed && !isUnacknowledged(message)) socket.write(reply(message, answer));
        });
      }
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `mongodb://${address}/`,
    commands: () => [...seen],
    clear: () => void seen.splice(0),
    answerNext: (name, answer) => void answers.set(name, [...(answers.get(name) ?? []), answer]),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((closed) => server.close(() => closed()));
    },
  };
}

function greeting(address: string): Document {
  return {
    ok: 1,
    ismaster: true,
    isWritablePrimary: true,
    helloOk: true,
    setName: "partywall",
    setVersion: 1,
    hosts: [address],
    me: address,
    primary: address,
    maxBsonObjectSize: 16 * 1024 * 1024,
    maxMessageSizeBytes: 48_000_000,
    maxWriteBatchSize: 100_000,
    logicalSessionTimeoutMinutes: 30,
    minWireVersion: 0,
    maxWireVersion: 25,
  };
}

function plainAnswer(name: string, command: Document): Document {
  const cursor = { id: BSON.Long.ZERO, ns: `${command["$db"]}.${command[name]}`, firstBatch: [] };
  switch (name) {
    case "aggregate":
      // Changes are waited for: such a cursor stays open.
      if (JSON.stringify(command["pipeline"]).includes("$changeStream"))
        return { ok: 1, cursor: { ...cursor, id: WAITING } };
      return { ok: 1, cursor };
    case "find":
    case "listCollections":
    case "listIndexes":
      return { ok: 1, cursor };
    case "getMore":
      return {
        ok: 1,
        cursor: { id: BSON.Long.fromNumber(Number(command["getMore"])), ns: "t.c", nextBatch: [] },
      };
    case "insert":
    case "update":
    case "delete":
      return { ok: 1, n: 1, nModified: 1 };
    case "count":
      return { ok: 1, n: 0 };
    case "distinct":
      return { ok: 1, values: [] };
    case "bulkWrite":
      return {
        ok: 1,
        cursor: { ...cursor, ns: "admin.$cmd.bulkWrite" },
        nErrors: 0,
        nInserted: 1,
        nMatched: 0,
        nModified: 0,
        nUpserted: 0,
        nDeleted: 0,
      };
    default:
      return { ok: 1 };
  }
}

// The documents that travel beside a command are put into it, under the name of their section.
function commandIn(message: Buffer): Document {
  const end = message.length;
  if (message.readInt32LE(12) === OP_QUERY) {
    const name = message.indexOf(0, 20);
    return BSON.deserialize(message.subarray(name + 9, end));
  }
  let command: Document = {};
  const beside: Document = {};
  for (let at = 20; at < end;) {
    const size = message.readInt32LE(at + 1);
    const section = message.subarray(at + 1, at + 1 + size);
    if (message[at] === 0) command = BSON.deserialize(section, { promoteValues: true });
    else {
      const name = section.indexOf(0, 4);
      const documents: Document[] = [];
      for (let from = name + 1; from < size; from += section.readInt32LE(from)) {
        documents.push(BSON.deserialize(section.subarray(from, from + section.readInt32LE(from))));
      }
      beside[section.toString("utf8", 4, name)] = documents;
    }
    at += 1 + size;
  }
  return { ...command, ...beside };
}

// A client that wants no answer says so in a flag.
const isUnacknowledged = (message: Buffer) =>
  message.readInt32LE(12) === OP_MSG && (message.readUInt32LE(16) & 2) !== 0;

function reply(to: Buffer, answer: Document): Buffer {
  const document = BSON.serialize(answer);
  const isQuery = to.readInt32LE(12) === OP_QUERY;
  // Flags, a cursor's id, its start and a count of one; or flags and the kind of the section.
  const head = Buffer.alloc(isQuery ? 20 : 5);
  if (isQuery) head.writeInt32LE(1, 16);
  const header = Buffer.alloc(16);
  header.writeInt32LE(16 + head.length + document.length, 0);
  header.writeInt32LE(to.readInt32LE(4), 8);
  header.writeInt32LE(isQuery ? OP_REPLY : OP_MSG, 12);
  return Buffer.concat([header, head, document]);
}
