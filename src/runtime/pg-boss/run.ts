import type { JobHost } from "../jobs/host.js";
import { mustWait } from "../jobs/waiting.js";
import { opened } from "./envelope.js";
import type { JobOutcome, NativeBoss, NativeJob } from "./native.js";
import { postpone } from "./postpone.js";

/** How the jobs of a worker are run. */
export interface RunRules {
  readonly pw: JobHost;
  readonly boss: NativeBoss;
  readonly handler: (jobs: readonly NativeJob[]) => unknown;
  /** Whether the handler itself says how each job ended. */
  readonly perJobResults: boolean;
  /** How long a job waits while its tenant may not be entered, in seconds. */
  readonly waitSeconds: number;
}

/** Runs a job in the scope of its envelope, by itself: a batch holds jobs of several tenants. */
export async function runJob(rules: RunRules, job: NativeJob): Promise<JobOutcome> {
  const { pw, boss, handler, perJobResults, waitSeconds } = rules;
  const { id } = job;
  const { snapshot, audience, data } = opened(job);
  job.data = data;
  let isInside = false;
  const inside = async (): Promise<unknown> => {
    isInside = true;
    return handler([job]);
  };
  try {
    const result = await pw.resume(snapshot, inside, { audience });
    return perJobResults ? outcomeIn(result, id) : { id, status: "completed", output: result };
  } catch (error) {
    if (!isInside && mustWait(error)) {
      await postpone(boss, job, waitSeconds);
      // pg-boss settles what is active alone, which the job is no longer.
      return { id, status: "completed" };
    }
    return { id, status: "failed", output: error };
  }
}

function outcomeIn(results: unknown, id: string): JobOutcome {
  const own = Array.isArray(results)
    ? (results as readonly JobOutcome[]).find((one) => one?.id === id)
    : undefined;
  return own ?? { id, status: "failed", output: new Error("The handler said nothing of the job.") };
}
