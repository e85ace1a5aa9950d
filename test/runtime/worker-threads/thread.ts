// A thread with a Partywall of its own, whose tasks say where they ran.
import { parentPort, workerData } from "node:worker_threads";
import { createPartywall } from "partywall";
import { memoryStore } from "partywall/registry";
import { serveTasks } from "partywall/runtime/worker-threads";

const { realm, secret } = workerData as { readonly realm: string; readonly secret: string };
const pw = createPartywall({ realm, secret, store: memoryStore() });
for (const id of ["acme", "globex", "gone"]) await pw.tenants.create({ id, slug: id, name: id });
await pw.tenants.suspend("gone");
let ran = 0;
const port = parentPort!;
serveTasks(pw, "work", port, async (data: { readonly do: string; readonly ms?: number }) => {
  const before = pw.tryCurrent()?.slug ?? pw.scope()?.kind;
  ran += data.do === "count" ? 0 : 1;
  await new Promise((soon) => setTimeout(soon, data.ms ?? 0));
  if (data.do === "throw") throw new TypeError("a fault of the task");
  if (data.do === "switch") return pw.run("globex", () => pw.current().slug);
  if (data.do === "function") return () => 1;
  if (data.do === "exit") return process.exit(3);
  if (data.do === "count") return ran;
  return [before, pw.tryCurrent()?.slug ?? pw.scope()?.kind];
});
port.postMessage("ready");
