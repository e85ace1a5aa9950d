import type { Expression } from "../../adopt/schema-files/syntax.js";
import type { ClientNode } from "./clients.js";
import type { Workbench } from "./workbench.js";

const ADAPTER = { name: "guardMikroOrm", file: "mikro-orm" };
const GUARDED = "MikroORM.init(guardMikroOrm(pw.postgres, options))";

/** Hands MikroORM's options to the adapter, wherever they are written: its migrator goes on reading them as they are. */
export function wireMikroOrm(bench: Workbench, client: ClientNode): void {
  const { file, node } = client;
  bench.wired(client);
  const [options, ...others] = node.arguments as Expression[];
  if (options === undefined || options.type === ("SpreadElement" as string) || others.length > 0) {
    bench.leave(file, node, "it looks for its options by itself", GUARDED);
    return;
  }
  bench.wrap(bench.editor(file), options, ADAPTER);
}
