import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { codeOf, Failure } from "./failure.js";

/** The shop's HTTP server: holds its port from the beginning, answers 503 until it is opened. */
export interface Doors {
  open(handler: (req: IncomingMessage, res: ServerResponse) => void): void;
  close(): Promise<void>;
}

/** Takes the port on 127.0.0.1. Throws a `Failure` when somebody else has it. */
export async function takePort(port: number): Promise<Doors> {
  let handler = (_req: IncomingMessage, res: ServerResponse): void => {
    res
      .writeHead(503, { "content-type": "text/plain", "retry-after": "1" })
      .end("Still starting.\n");
  };
  const server = createServer((req, res) => handler(req, res));
  await listening(server, port);
  return {
    open: (opened) => {
      handler = opened;
    },
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

function listening(server: Server, port: number): Promise<void> {
  return new Promise((done, fail) => {
    server.once("error", (error) => {
      fail(codeOf(error) === undefined ? error : refused(error, port));
    });
    server.listen(port, "127.0.0.1", done);
  });
}

function refused(cause: Error, port: number): Failure {
  const code = codeOf(cause);
  const why =
    code === "EADDRINUSE"
      ? `Port ${port} on 127.0.0.1 is taken. Stop what listens there`
      : code === "EACCES"
        ? `This account may not listen on port ${port}. Use one above 1023`
        : `The shop cannot listen on port ${port} (${code})`;
  return new Failure(
    `${why}, or choose another: npm start -- --port ${port < 65_535 ? port + 1 : 3000}`,
    { cause },
  );
}
