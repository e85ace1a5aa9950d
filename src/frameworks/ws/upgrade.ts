import { STATUS_CODES } from "node:http";
import type { Problem } from "../problem.js";

/** The slice of the socket of an `upgrade` that is used. */
export interface UpgradeSocket {
  readonly destroyed: boolean;
  readonly writable: boolean;
  on(event: "error", listener: () => void): unknown;
  once(event: "finish", listener: () => void): unknown;
  removeListener(event: "error", listener: () => void): unknown;
  end(text: string): unknown;
  destroy(): unknown;
}

/** Hears a socket's errors while nobody else does, for an `error` that nobody hears ends the process. */
export function whileDeciding(socket: UpgradeSocket): {
  /** Whether the client has gone; stops hearing. */
  isOver(): boolean;
} {
  const hear = () => void socket.destroy();
  socket.on("error", hear);
  return {
    isOver: () => {
      if (socket.destroyed || !socket.writable) {
        socket.destroy();
        return true;
      }
      socket.removeListener("error", hear);
      return false;
    },
  };
}

/** Answers a refused upgrade with its problem, or with 500 where a hook failed, and closes. */
export function answerUpgrade(socket: UpgradeSocket, problem: Problem | undefined): void {
  if (socket.destroyed || !socket.writable) return void socket.destroy();
  const status = problem?.status ?? 500;
  const body = problem === undefined ? "" : JSON.stringify(problem.body);
  const headers = {
    ...problem?.headers,
    "content-length": String(Buffer.byteLength(body)),
    connection: "close",
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.once("finish", () => void socket.destroy());
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join("")}\r\n${body}`);
}
