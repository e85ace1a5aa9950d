import { createServer, request as httpRequest } from "node:http";
import type { Agent, IncomingHttpHeaders, RequestListener } from "node:http";
import { connect } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { onTestFinished } from "vitest";

/** A server on a free port of this machine, closed when the test ends. */
export async function serve(app: RequestListener): Promise<number> {
  const server = createServer(app).listen(0, "127.0.0.1");
  await new Promise((listening) => server.once("listening", listening));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Ask {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: string;
  readonly agent?: Agent;
}

/** One request over real HTTP, with any Host. */
export function ask(
  port: number,
  { path = "/", method = "GET", headers = {}, body, agent }: Ask = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const req = httpRequest(
      { host: "127.0.0.1", port, path, method, headers, ...(agent === undefined ? {} : { agent }) },
      (res) => {
        let text = "";
        res.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        res.on("end", () =>
          resolve({ status: res.statusCode ?? 0, headers: res.headers, body: text }),
        );
        res.on("error", reject);
      },
    );
    req.on("error", reject);
    req.end(body);
  });
}

/** A bare connection, for what no HTTP client would send. */
export async function dial(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  onTestFinished(() => void socket.destroy());
  await new Promise((connected) => socket.once("connect", connected));
  return socket;
}

/** Sends raw text and reads until the server closes the connection. */
export async function shout(port: number, text: string): Promise<string> {
  const socket = await dial(port);
  let answer = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => (answer += chunk));
  socket.write(text);
  await new Promise((closed) => socket.once("close", closed));
  return answer;
}
