import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** A network between client and server that is slower than this machine's own. */
export interface LatencyProxy {
  /** The same connection string, through the proxy. */
  readonly through: (url: string) => string;
  readonly stop: () => Promise<void>;
}

/**
 * Puts a proxy before a server that holds every chunk back, in a process of its own. It takes from the machine's
 * processors like any neighbour, so what it adds is measured and printed, not assumed.
 *
 * @param roundTripMs added to each round trip in milliseconds, half of it on the way there and half on the way back
 */
export async function startLatencyProxy(
  serverUrl: string,
  roundTripMs: number,
): Promise<LatencyProxy> {
  const target = new URL(serverUrl);
  const child = fork(
    fileURLToPath(new URL("latency-proxy-process.ts", import.meta.url)),
    [target.hostname, target.port || "5432", String(roundTripMs / 2)],
    { stdio: "inherit" },
  );
  const exited = once(child, "exit");
  const [port] = (await Promise.race([
    once(child, "message"),
    exited.then(() => Promise.reject(new Error("The latency proxy ended before it listened."))),
  ])) as [number];
  return {
    through: (url) => {
      const changed = new URL(url);
      changed.hostname = "127.0.0.1";
      changed.port = String(port);
      return changed.href;
    },
    stop: async () => {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}
