import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A server of Node.js on a free port of this machine. */
export async function listen(
  listener: (req: IncomingMessage, res: ServerResponse) => unknown,
  atEnd: (stop: () => unknown) => void,
): Promise<number> {
  const server = createServer((req, res) => void listener(req, res)).listen(0, "127.0.0.1");
  await new Promise((listening) => server.once("listening", listening));
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A web stream of texts that are made when they are asked for. */
export function webStream(chunks: AsyncGenerator<string, void>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (done === true) controller.close();
        else controller.enqueue(encoder.encode(value));
      },
      async cancel() {
        await chunks.return();
      },
    },
    { highWaterMark: 0 },
  );
}
