/** The slice of a guarded connection that adapters hand on. */
export interface LendableClient {
  query(config: unknown, values?: unknown, callback?: unknown): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  release(destroy?: unknown): void;
}

/** The slice of a guarded pool that adapters borrow from. */
export interface LendingPool {
  connect(): Promise<LendableClient>;
  connect(
    callback: (error: Error | undefined, client?: LendableClient, release?: unknown) => void,
  ): void;
  query(config: unknown, values?: unknown, callback?: unknown): unknown;
  end(): Promise<void>;
}

const heard = new WeakSet<LendableClient>();

/**
 * A connection as it is lent once: its `query` is another, giving it back twice gives it back once, and in everything else
 * it is the connection itself. What it says when it breaks is heard; unheard, the event would end the process.
 */
export function lentOnce(
  client: LendableClient,
  query: (lent: LendableClient) => LendableClient["query"],
): LendableClient {
  if (!heard.has(client)) {
    heard.add(client);
    // Whoever waits for an answer is told of it there.
    client.on("error", () => undefined);
  }
  let isLent = true;
  const release = (destroy?: unknown) => {
    // Given back a second time, it would be taken from whoever has it by then.
    if (!isLent) return;
    isLent = false;
    client.release(destroy);
  };
  const lent: LendableClient = new Proxy(client, {
    get(target, name) {
      if (name === "query") return own;
      if (name === "release") return release;
      const value: unknown = Reflect.get(target, name, target);
      // The connection's own state is private to it, so its methods run on itself.
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
    set: (target, name, value) => Reflect.set(target, name, value, target),
  });
  const own = query(lent);
  return lent;
}
