import { propertyOf, type Expression } from "../../adopt/schema-files/syntax.js";
import type { ClientNode } from "./clients.js";
import { environmentVariable, readPoolOptions } from "./pool-options.js";
import { wirePoolOf } from "./wire-pool.js";
import type { Workbench } from "./workbench.js";

const ADAPTER = { name: "guardPrisma", file: "prisma" };
const GUARDED =
  "guardPrisma(pw.postgres, new PrismaClient({ adapter: new PrismaPg(pw.postgres.pool) }))";

/** Gives Prisma's driver adapter the guarded pool, and fits the client to it. */
export function wirePrisma(bench: Workbench, client: ClientNode): void {
  const { file, node } = client;
  bench.wired(client);
  const [given] = node.arguments as Expression[];
  const adapter = propertyOf(given && file.names.valueOf(given), "adapter");
  if (adapter === undefined) {
    bench.leave(
      file,
      node,
      "it connects by Prisma's own engine, or its adapter is not written out in this file. The guard is for @prisma/adapter-pg, of Prisma 7",
      GUARDED,
    );
    return;
  }
  const made = file.names.valueOf(adapter);
  const origin = made.type === "NewExpression" ? file.names.origin(made.callee) : undefined;
  if (
    made.type !== "NewExpression" ||
    origin?.module !== "@prisma/adapter-pg" ||
    origin.name !== "PrismaPg"
  ) {
    bench.leave(
      file,
      adapter,
      "this adapter is not on the driver that the guard is for, @prisma/adapter-pg",
      GUARDED,
    );
    return;
  }
  const [first] = made.arguments as Expression[];
  if (first === undefined || first.type === ("SpreadElement" as string)) {
    bench.leave(file, made, "it is not plain what it connects to", GUARDED);
    return;
  }
  const value = file.names.valueOf(first);
  const isAddress =
    value.type === "ObjectExpression" ||
    value.type === "StringLiteral" ||
    value.type === "TemplateLiteral" ||
    environmentVariable(value, file) !== undefined;
  const editor = bench.editor(file);
  if (isAddress) {
    const options = readPoolOptions(first, file);
    if ("why" in options) {
      bench.leave(file, made, options.why, GUARDED);
      return;
    }
    bench.keep(options);
    editor.replace(first, bench.guardedPool(editor));
  } else if (!wirePoolOf(bench, first, file)) {
    return;
  }
  bench.wrap(editor, node, ADAPTER);
}
