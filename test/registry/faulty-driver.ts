import type { MongoClient, MongoCollection, MongoModule } from "partywall/registry";

/** One call of a store to the driver. */
export interface Step {
  readonly collection: string;
  readonly method: string;
}

/** Stands before a call, and behind one that was carried out: throws to break off, waits to hold up. */
export type Fault = (step: Step, when: "before" | "after") => void | Promise<void>;

const STEPS = new Set(["find", "insertOne", "updateOne", "deleteMany"]);

/** The driver, real but for what a fault does before and behind each call. */
export function faultyDriver(driver: MongoModule, fault: Fault): MongoModule {
  const faulty = (collection: MongoCollection, name: string): MongoCollection =>
    new Proxy(collection, {
      get(target, method: string) {
        const call: unknown = Reflect.get(target, method);
        if (typeof call !== "function") return call;
        const bound = (...args: unknown[]): unknown => Reflect.apply(call, target, args);
        if (!STEPS.has(method)) return bound;
        const step = { collection: name, method };
        const between = async (run: () => Promise<unknown>): Promise<unknown> => {
          await fault(step, "before");
          const answer = await run();
          await fault(step, "after");
          return answer;
        };
        if (method !== "find") return (...args: unknown[]) => between(async () => bound(...args));
        return (...args: unknown[]) => ({
          toArray: () =>
            between(() => (bound(...args) as ReturnType<MongoCollection["find"]>).toArray()),
        });
      },
    });
  return {
    MongoClient: function MongoClient(...args: ConstructorParameters<MongoModule["MongoClient"]>) {
      const client: MongoClient = new driver.MongoClient(...args);
      return {
        close: () => client.close(),
        db: (database: string) => ({
          collection: (name: string) => faulty(client.db(database).collection(name), name),
        }),
      };
    } as unknown as MongoModule["MongoClient"],
  };
}
