import type { LiveConnection } from "../live/connection.js";
import { assertMaySend } from "../live/connections.js";
import type { ScopeHost } from "../live/options.js";

/** The slice of ws' `WebSocket` that is used. */
export interface WsSocket {
  readonly readyState: number;
  readonly bufferedAmount: number;
  readonly isPaused: boolean;
  send(data: string | Uint8Array, options: object, done?: (error?: Error) => void): void;
  emit(event: string | symbol, ...args: never[]): boolean;
  once(event: "close", listener: () => void): unknown;
  close(code?: number): void;
  terminate(): void;
  pause(): void;
  resume(): void;
}

type Send = (data: unknown, ...rest: unknown[]) => void;
type Emit = (event: string | symbol, ...args: unknown[]) => boolean;

/**
 * Runs a socket's listeners in its tenant's scope, those of `message` once the connection has been let in anew, and lets
 * only that tenant's scope send.
 */
export function confineSocket(ws: WsSocket, connection: LiveConnection, host: ScopeHost): void {
  const own = ws as unknown as { emit: Emit; send: Send };
  const flow = heldFlow(ws);
  const emit = own.emit.bind(ws);
  const send = own.send.bind(ws);

  own.emit = (event, ...args) => {
    if (event === "message") {
      // What is read while the message waits would only wait behind it.
      flow.hold();
      void connection
        .deliver(() => void emit("message", ...args))
        .then(() => {
          if (connection.waiting === 0) flow.release();
        });
      return true;
    }
    // Natively it comes after the messages that came before it.
    if (event === "close") {
      connection.conclude(() => void emit("close", ...args));
      return true;
    }
    return connection.inScope(() => emit(event, ...args));
  };

  own.send = (data, ...rest) => {
    assertMaySend(host.scope(), connection.tenantId);
    const last = rest.length - 1;
    const done = rest[last];
    // Where compression is on, callbacks come in the scope of whoever's turn it was before.
    if (typeof done === "function") rest[last] = host.bind(done as (error?: Error) => void);
    send(data, ...rest);
  };
}

/** Pausing for the gate and pausing by the application, which do not undo each other. */
function heldFlow(ws: WsSocket): { hold(): void; release(): void } {
  const pause = ws.pause.bind(ws);
  const resume = ws.resume.bind(ws);
  let held = false;
  let paused = ws.isPaused;
  const own = ws as { pause: () => void; resume: () => void };
  own.pause = () => {
    paused = true;
    pause();
  };
  own.resume = () => {
    paused = false;
    if (!held) resume();
  };
  return {
    hold: () => {
      held = true;
      pause();
    },
    release: () => {
      held = false;
      if (!paused) resume();
    },
  };
}
