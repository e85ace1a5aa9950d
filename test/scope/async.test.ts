import { EventEmitter, once } from "node:events";
import { Readable, Transform, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import type { Partywall } from "partywall";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { here, rejectionOf, twoTenants } from "./instance.js";

let pw: Partywall;
beforeEach(async () => {
  pw = await twoTenants();
});
afterEach(() => pw.close());

describe("the scope stays with", () => {
  it("promises, timers, immediates, ticks and microtasks", async () => {
    const seen = await pw.run("acme", async () => {
      const tenants = [await Promise.resolve().then(() => here(pw))];
      await sleep(1);
      tenants.push(here(pw));
      for (const schedule of [setTimeout, setImmediate, process.nextTick, queueMicrotask]) {
        tenants.push(await new Promise((resolve) => schedule(() => resolve(here(pw)))));
      }
      return tenants;
    });
    expect(seen).toEqual(Array.from({ length: 6 }, () => "acme"));
  });

  it("a pipeline of streams built and consumed inside", async () => {
    const seen = new Set<string | undefined>();
    const note = (): unknown => seen.add(here(pw));
    await pw.run("acme", () =>
      pipeline(
        new Readable({
          read() {
            note();
            setImmediate(() => this.push(this.readableDidRead ? null : "x"));
          },
        }),
        new Transform({
          transform(chunk, _, done) {
            note();
            done(null, chunk);
          },
        }),
        new Writable({
          write(_, __, done) {
            note();
            done();
          },
        }),
      ),
    );
    expect([...seen]).toEqual(["acme"]);
  });

  it("an async iterator consumed inside", async () => {
    async function* numbers(): AsyncGenerator<string | undefined> {
      yield here(pw);
      await sleep(1);
      yield here(pw);
    }
    const seen = await pw.run("acme", async () => {
      const values: (string | undefined)[] = [];
      for await (const value of numbers()) values.push(value);
      return values;
    });
    expect(seen).toEqual(["acme", "acme"]);
  });

  it("each of many interleaved runs, never another's", async () => {
    const step = fc.constantFrom("await", "timer", "immediate", "nested");
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom("acme", "globex"), fc.array(step, { maxLength: 5 })), {
          maxLength: 20,
        }),
        async (plans) => {
          await Promise.all(
            plans.map(([id, steps]) =>
              pw.run(id, async () => {
                for (const one of steps) {
                  if (one === "await") await Promise.resolve();
                  if (one === "timer") await sleep(0);
                  if (one === "immediate") await new Promise(setImmediate);
                  if (one === "nested") await pw.run({ slug: id }, () => expect(here(pw)).toBe(id));
                  expect(here(pw)).toBe(id);
                }
              }),
            ),
          );
          expect(here(pw)).toBeUndefined();
        },
      ),
      { numRuns: 30 },
    );
  });
});

describe("lazy queries", () => {
  /** An ORM's query: nothing happens before then(). */
  const lazy = <T>(value: () => T) => ({
    // oxlint-disable-next-line unicorn/no-thenable -- what is tested
    then: (resolve: (value: T) => unknown, reject: (error: unknown) => unknown) => {
      try {
        const result = value();
        // A driver's pool calls back from wherever its socket was opened.
        fromElsewhere(() => resolve(result));
      } catch (error) {
        reject(error);
      }
    },
  });
  const elsewhere = new EventEmitter();
  elsewhere.on("call", (fn: () => void) => fn());
  const fromElsewhere = (fn: () => void): void => {
    queue.push(fn);
  };
  const queue: (() => void)[] = [];
  let pump: NodeJS.Timeout;
  beforeEach(() => {
    pump = setInterval(() => queue.splice(0).forEach((fn) => elsewhere.emit("call", fn)), 1);
  });
  afterEach(() => clearInterval(pump));

  it.each([
    ["returned", () => lazy(() => here(pw))],
    ["returned by an async function", async () => lazy(() => here(pw))],
    ["that resolve to another lazy query", () => lazy(() => lazy(() => here(pw)))],
    [
      "inside a promise's subclass",
      () =>
        new (class extends Promise<string | undefined> {
          // oxlint-disable-next-line unicorn/no-thenable -- what is tested
          override then<A, B>(
            ok?: ((value: string | undefined) => A | PromiseLike<A>) | null,
            no?: ((error: unknown) => B | PromiseLike<B>) | null,
          ): Promise<A | B> {
            return Promise.resolve(here(pw)).then(ok, no);
          }
        })((resolve) => resolve("unused")),
    ],
  ])("are started in the scope when %s", async (_, fn: () => unknown) => {
    expect(await pw.run("acme", fn)).toBe("acme");
    expect(await pw.run("acme", async () => pw.run("acme", fn))).toBe("acme");
  });

  it("that fail reject", async () => {
    const boom = new Error("boom");
    const failing = lazy(() => {
      throw boom;
    });
    expect(await rejectionOf(() => pw.run("acme", () => failing))).toBe(boom);
  });

  it("whose then cannot be read reject instead of hanging", async () => {
    const boom = new Error("boom");
    // oxlint-disable-next-line unicorn/no-thenable -- what is tested
    const hostile = Object.defineProperty({}, "then", {
      get: () => {
        throw boom;
      },
    });
    expect(await rejectionOf(() => pw.run("acme", () => hostile))).toBe(boom);
    expect(await rejectionOf(() => pw.run("acme", () => lazy(() => hostile)))).toBe(boom);
  });
});

describe("where the scope ends", () => {
  it("an async generator returned from run and consumed outside sees no scope", async () => {
    async function* rows(): AsyncGenerator<string | undefined> {
      yield here(pw);
    }
    const iterator = await pw.run("acme", () => rows());
    expect((await iterator.next()).value).toBeUndefined();
  });

  it("bind carries an iterator's next() back in", async () => {
    async function* rows(): AsyncGenerator<string | undefined> {
      yield here(pw);
      yield here(pw);
    }
    const next = await pw.run("acme", () => {
      const iterator = rows();
      return pw.bind(() => iterator.next());
    });
    expect([(await next()).value, (await next()).value]).toEqual(["acme", "acme"]);
  });

  it("a listener runs in the scope of whoever emits, unless it is bound", async () => {
    const emitter = new EventEmitter();
    const seen: (string | undefined)[] = [];
    await pw.run("acme", () => {
      emitter.on("event", () => seen.push(here(pw)));
      emitter.on(
        "event",
        pw.bind(() => seen.push(here(pw))),
      );
    });
    emitter.emit("event");
    await pw.run("globex", () => emitter.emit("event"));
    expect(seen).toEqual([undefined, "acme", "globex", "acme"]);
  });

  it("a stream consumed outside sees no scope, unless its read is bound", async () => {
    const build = (bound: boolean): Readable => {
      const seen = (): string => here(pw) ?? "none";
      const value = bound ? pw.bind(seen) : seen;
      let sent = false;
      return new Readable({
        read() {
          this.push(sent ? null : value());
          sent = true;
        },
      });
    };
    for (const [bound, expected] of [
      [false, "none"],
      [true, "acme"],
    ] as const) {
      const stream = await pw.run("acme", () => build(bound));
      const [chunk] = (await once(stream, "data")) as [Buffer];
      expect(chunk.toString()).toBe(expected);
    }
  });

  it("bind keeps this, arguments and result, and what was outside stays outside", async () => {
    const add = await pw.run("acme", () =>
      pw.bind(function (this: { base: number }, n: number) {
        return [this.base + n, here(pw)];
      }),
    );
    expect(add.call({ base: 40 }, 2)).toEqual([42, "acme"]);
    const unscoped = pw.bind(() => here(pw));
    expect(await pw.run("globex", () => unscoped())).toBeUndefined();
  });
});
