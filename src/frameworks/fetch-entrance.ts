import { fetchRequest } from "./fetch-request.js";
import type { FetchRequest } from "./fetch-request.js";
import type { Gate } from "./gate.js";
import type { Problem } from "./problem.js";
import { scopedBody } from "./scoped-body.js";

/** How a fetch-standard host answers, beside what its handler does. */
export interface FetchAnswers<Req> {
  /** Makes the answer to a refused request; default the problem as `application/problem+json` (RFC 9457). Awaited. */
  readonly render?: (problem: Problem, req: Req) => Response | PromiseLike<Response>;
  /** Told of an error raised when the response had been handed on; default `process.emitWarning`. */
  readonly onLateError?: (error: unknown, req: Req) => void;
}

/** Names of the options in {@link FetchAnswers}. */
export const FETCH_ANSWERS = ["render", "onLateError"] as const;

/** Runs a handler behind a gate and gives the response, whose body is read in the request's scope to its last byte. */
export type FetchEntrance<Req> = (
  request: FetchRequest,
  req: Req,
  handler: () => Response | PromiseLike<Response>,
) => Promise<Response>;

/** The entrance of a host that speaks the Fetch standard. */
export function fetchEntrance<Req>(
  entrance: Gate<Req>,
  { render = renderProblem, onLateError = warn }: FetchAnswers<Req>,
): FetchEntrance<Req> {
  return (request, req, handler) =>
    new Promise((resolve, reject) => {
      let isAnswered = false;
      const inside = async () => {
        request.signal?.throwIfAborted();
        const response = await handler();
        const { answer, done } = kept(response, request, entrance.vary);
        isAnswered = true;
        resolve(answer);
        await done;
      };
      entrance
        .pass(fetchRequest(request, req), req, inside)
        .then(async (passage) => {
          if (!("problem" in passage)) return;
          resolve(varied(await render(passage.problem, req), entrance.vary));
        })
        .catch((error: unknown) => {
          if (isAnswered) onLateError(error, req);
          else reject(error);
        });
    });
}

interface Kept {
  readonly answer: Response;
  /** When the scope may end. */
  readonly done: Promise<void> | undefined;
}

function kept(response: Response, request: FetchRequest, vary: readonly string[]): Kept {
  // A switch to another protocol cannot be made anew. The body of an answer to HEAD is never read.
  if (response.status < 200) return { answer: response, done: undefined };
  if (response.body === null || request.method === "HEAD")
    return { answer: varied(response, vary), done: undefined };
  const { body, done } = scopedBody(response.body);
  const aborted = new Promise<void>((resolve) => {
    request.signal?.addEventListener("abort", () => resolve(), { once: true });
  });
  return { answer: varied(response, vary, body), done: Promise.race([done, aborted]) };
}

// Made anew: the headers of a redirect, and of what another server answered, cannot be changed.
function varied(
  response: Response,
  vary: readonly string[],
  body: ReadableStream<Uint8Array> | null = response.body,
): Response {
  if (vary.length === 0 && body === response.body) return response;
  const { status, statusText } = response;
  const headers = new Headers(response.headers);
  const present = (headers.get("vary") ?? "").toLowerCase().split(/\s*,\s*/);
  // A cache that keys by address alone would hand one tenant's answer to the next.
  for (const field of vary) if (!present.includes(field)) headers.append("vary", field);
  return new Response(body, { status, statusText, headers });
}

function renderProblem({ status, headers, body }: Problem): Response {
  return new Response(JSON.stringify(body), { status, headers: { ...headers } });
}

function warn(error: unknown): void {
  process.emitWarning(
    error instanceof Error
      ? error
      : new Error("tenancy() failed after the response was handed on", { cause: error }),
  );
}
