import type { Argument } from "../redis/argument.js";
import { foreignTransaction } from "../redis/hold.js";
import type { NativeClient } from "./native.js";
import type { Wire } from "./wire.js";

/** MULTI and pipelines: all of a batch is looked at before any of it is sent, and it belongs to the scope that began it. */
export function guardBatches(client: NativeClient, wire: Wire): void {
  for (const method of ["_executeMulti", "_executePipeline"] as const) {
    const run = client[method];
    client[method] = async function (this: NativeClient, commands, db) {
      const admitted = commands.map(({ args }) => wire.admit(args));
      const replies = await run.call(
        this,
        commands.map((command, index) => ({ ...command, args: admitted[index]!.args })),
        db,
      );
      return replies.map((reply, index) => admitted[index]!.clean(reply));
    };
  }
  const multi = client.multi;
  client.multi = client.MULTI = function (this: NativeClient) {
    const owner = wire.owner();
    return ownedBy(multi.call(this) as Batch, () => wire.owner() === owner);
  };
}

type Batch = Record<PropertyKey, unknown> & { addCommand(args: readonly Argument[]): unknown };

/** The batch, whose every method throws in another scope. */
function ownedBy(batch: Batch, isOwn: () => boolean): object {
  const guarded: object = new Proxy(batch, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return (...args: unknown[]): unknown => {
        const refusal = refusalOf(isOwn);
        if (refusal !== undefined) {
          // What sends the batch is awaited, what adds to it is chained.
          if (String(name).toLowerCase().startsWith("exec")) return Promise.reject(refusal);
          throw refusal;
        }
        const result: unknown = Reflect.apply(value, target, args);
        return result === target ? guarded : result;
      };
    },
  });
  return guarded;
}

function refusalOf(isOwn: () => boolean): Error | undefined {
  try {
    return isOwn() ? undefined : foreignTransaction();
  } catch (error) {
    return error as Error;
  }
}
