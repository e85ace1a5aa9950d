import { PartywallError } from "../../errors.js";
import { foreignTransaction } from "../redis/hold.js";
import type { Callback, NativeClient, NativeCommand, NativePipeline } from "./native.js";
import type { Wire } from "./wire.js";

/**
 * A pipeline or MULTI of ioredis whose commands are admitted as they are added. It belongs to the scope of its first
 * command: one of another scope is refused, and so is executing it there. After a refusal none of it is sent.
 */
export function guardPipeline(
  client: NativeClient,
  wire: Wire,
  pipeline: NativePipeline,
): NativePipeline {
  // What autopipelining gathers belongs to many callers: each has its own refusal, by its place among all.
  const refusals = new Map<number, unknown>();
  const isShared = () => [...(client._autoPipelines?.values() ?? [])].includes(pipeline);
  let shared = false;
  let added = 0;
  let owner: string | undefined;

  const admit = (command: NativeCommand): void => {
    shared ||= isShared();
    const of = wire.admit(command);
    if (shared) return;
    if (owner !== undefined && of !== owner) throw foreignTransaction();
    owner = of;
  };

  for (const command of pipeline._queue) admit(command);

  const send = pipeline.sendCommand.bind(pipeline);
  pipeline.sendCommand = (command) => {
    try {
      admit(command);
    } catch (error) {
      refusals.set(added, error);
      // ioredis leaves a rejection of its own to whoever has the command, and nobody will.
      if (!shared) throw error;
      added += 1;
      return pipeline;
    }
    added += 1;
    return send(command);
  };

  const exec = pipeline.exec.bind(pipeline);
  pipeline.exec = (callback) => {
    const refusal = shared ? undefined : refusalOf();
    if (refusal !== undefined) return answered(Promise.reject(refusal), callback);
    if (refusals.size === 0) return exec(callback);
    return answered(
      exec().then((results) => withRefusals(results, refusals)),
      callback,
    );
  };
  return pipeline;

  function refusalOf(): unknown {
    if (refusals.size > 0) return [...refusals.values()][0];
    try {
      if (owner === undefined) return undefined;
      if (owner !== wire.owner()) return foreignTransaction();
      wire.assertFree(owner);
      return undefined;
    } catch (error) {
      return error;
    }
  }
}

function withRefusals(sent: readonly unknown[], refusals: ReadonlyMap<number, unknown>): unknown[] {
  const results = [...sent];
  for (const [place, error] of refusals) results.splice(place, 0, [error]);
  return results;
}

function answered(outcome: Promise<unknown[]>, callback?: Callback): Promise<unknown[]> {
  if (callback !== undefined)
    outcome.then(
      (results) => process.nextTick(callback, null, results),
      (error: unknown) => process.nextTick(callback, error),
    );
  return outcome;
}

/** Throws `PW_CONFIG` where ioredis' pipelines are not what this file knows. */
export function assertPipelines(pipeline: NativePipeline): void {
  if (typeof pipeline.sendCommand === "function" && Array.isArray(pipeline._queue)) return;
  throw new PartywallError(
    "PW_CONFIG",
    "guardIoredis() does not know the pipelines of this ioredis. Use version 5.",
  );
}
