import { propertyOf, type Expression } from "../../adopt/schema-files/syntax.js";
import type { ClientNode } from "./clients.js";
import { readAddress } from "./pool-options.js";
import type { Workbench } from "./workbench.js";

const ADAPTER = { name: "guardMikroOrm", file: "mikro-orm" };
const GUARDED = "MikroORM.init(guardMikroOrm(pw.postgres, options))";

/** Hands MikroORM's options to the adapter where it is made; written elsewhere, its migrator goes on reading them as they are. */
export function wireMikroOrm(bench: Workbench, client: ClientNode): void {
  const { file, node } = client;
  bench.wired(client);
  const [given, ...others] = node.arguments as Expression[];
  if (given === undefined || given.type === ("SpreadElement" as string) || others.length > 0) {
    bench.leave(file, node, "it looks for its options by itself", GUARDED);
    return;
  }
  const read = readAddress(propertyOf(file.names.valueOf(given), "clientUrl"), undefined, file);
  if (!("why" in read)) bench.keep(read);
  bench.wrap(bench.editor(file), given, ADAPTER);
  bench.notices.push(
    `MikroORM connects by the guard now, not by its own address and pool: say how many connections there may be in \`app\` of guardPg() in ${bench.entry}. Its migrations need an ORM of their own, with the login that owns the tables and without the guard.`,
  );
}
