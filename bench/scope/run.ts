// What a scope costs: node --import tsx bench/scope/run.ts
import { AsyncLocalStorage } from "node:async_hooks";
import { bench, do_not_optimize, run, summary } from "mitata";
import { createPartywall } from "partywall";

const pw = createPartywall({ realm: "bench" });
await pw.tenants.create({ id: "acme", slug: "acme", name: "Acme" });
await pw.run("acme", () => undefined);

const storage = new AsyncLocalStorage<{ readonly tenant: string }>();
const store = { tenant: "acme" };
const nothing = (): undefined => undefined;
const promise = Promise.resolve();
const returnsPromise = (): Promise<void> => promise;

console.log(`Node.js ${process.version}. Aim: pw.run and pw.current below 1 µs each.\n`);

summary(() => {
  bench("AsyncLocalStorage.run", () => do_not_optimize(storage.run(store, nothing))).baseline(true);
  bench("AsyncLocalStorage.run, as a promise", () =>
    do_not_optimize(Promise.resolve(storage.run(store, nothing))));
  bench("pw.run, cached, fn returns a value", () => do_not_optimize(pw.run("acme", nothing)));
  bench("pw.run, cached, fn returns a promise", () =>
    do_not_optimize(pw.run("acme", returnsPromise)));
  bench("pw.run, cached, by slug", () => do_not_optimize(pw.run({ slug: "acme" }, nothing)));
});

// mitata calls its benchmarks from its own asynchronous context, so those of an open scope are bound to one.
const [nested, current, tryCurrent, rawGetStore] = await pw.run("acme", () => [
  pw.bind(() => {
    for (let i = 0; i < 100; i += 1) do_not_optimize(pw.run("acme", nothing));
  }),
  pw.bind(() => {
    for (let i = 0; i < 100; i += 1) do_not_optimize(pw.current());
  }),
  pw.bind(() => {
    for (let i = 0; i < 100; i += 1) do_not_optimize(pw.tryCurrent());
  }),
  () =>
    storage.run(store, () => {
      for (let i = 0; i < 100; i += 1) do_not_optimize(storage.getStore());
    }),
]);

summary(() => {
  bench("AsyncLocalStorage.getStore (x100)", () => rawGetStore?.()).baseline(true);
  bench("pw.current (x100)", () => current?.());
  bench("pw.tryCurrent (x100)", () => tryCurrent?.());
  bench("pw.run nested, same tenant (x100)", () => nested?.());
});

await run();
await pw.close();
