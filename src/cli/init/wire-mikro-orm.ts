import { propertyOf, type Expression } from "../../adopt/schema-files/syntax.js";
import { nodesOf } from "../../adopt/schema-files/tree.js";
import type { ClientNode } from "./clients.js";
import { readAddress } from "./pool-options.js";
import type { Workbench } from "./workbench.js";

const ADAPTER = { name: "guardMikroOrm", file: "mikro-orm" };
const GUARDED = "guardMikroOrm(pw.postgres, await MikroORM.init(options))";

/** Puts MikroORM over the guard once it is made; its options, which its migrator reads too, stay as they are. */
export function wireMikroOrm(bench: Workbench, client: ClientNode): void {
  const { file, node } = client;
  bench.wired(client);
  const made = orm(client);
  if (made === undefined) {
    bench.leave(file, node, "it is a promise that is awaited elsewhere", GUARDED);
    return;
  }
  const [given] = node.arguments as Expression[];
  const options = given && file.names.valueOf(given);
  const read = readAddress(propertyOf(options, "clientUrl"), undefined, file);
  if (!("why" in read)) bench.keep(read);
  bench.wrap(bench.editor(file), made, ADAPTER);
  bench.notices.push(
    `MikroORM connects by the guard now, not by its own address and pool: say how many connections there may be in \`app\` of guardPg() in ${bench.entry}. Its migrations need an ORM of their own, with the login that owns the tables and without the guard.`,
  );
}

/** What the ORM is: the construction itself, or the `await` of it. */
function orm({ file, node }: ClientNode): object | undefined {
  if (node.type === "NewExpression") return node;
  const { callee } = node;
  const isInit =
    callee.type === "MemberExpression" && file.text.slice(0, callee.end ?? 0).endsWith("init");
  if (!isInit) return node;
  for (const one of nodesOf(file.program)) {
    if (one.type === "AwaitExpression" && one.argument === node) return one;
  }
  return undefined;
}
