import type { ResolverRequest } from "../resolvers/resolver.js";
import type { Gate } from "./gate.js";
import { bindToScope, closing } from "./node-scope.js";
import type { Emitter, NodeResponse } from "./node-scope.js";
import type { Problem } from "./problem.js";

/** The slice of `http.ServerResponse` that is written to. */
export interface AnsweringResponse extends NodeResponse {
  statusCode: number;
  readonly headersSent: boolean;
  getHeader(name: string): number | string | readonly string[] | undefined;
  setHeader(name: string, value: string): unknown;
  end(body: string): unknown;
}

/** What of one request a framework tells its entrance. */
export interface NodePassage<Req> {
  readonly request: ResolverRequest;
  /** What the framework's hooks are given. */
  readonly req: Req;
  readonly incoming: Emitter;
  readonly outgoing: AnsweringResponse;
  /** Where the framework keeps the headers of the response, if not in `outgoing`. */
  readonly headers?: Pick<AnsweringResponse, "getHeader" | "setHeader">;
  /** Goes on in the scope. */
  readonly inside: () => unknown;
  /** Answers a refused request. */
  readonly refused: (problem: Problem) => unknown;
  /** Told of an error while somebody can still be answered. */
  readonly failed: (error: unknown) => void;
  /** Told of an error when the response had closed. */
  readonly late: (error: unknown) => void;
}

/** Lets a request of Node.js pass a gate; its scope lasts until the response has closed. */
export function passNode<Req>(entrance: Gate<Req>, passage: NodePassage<Req>): void {
  const { incoming, outgoing, headers = outgoing } = passage;
  const life = closing(outgoing);
  vary(headers, entrance.vary);
  const inside = () => {
    // A client that left while it was being admitted does not reach a handler.
    if (life.closed) return undefined;
    bindToScope(incoming, outgoing);
    passage.inside();
    return life.done;
  };
  entrance
    .pass(passage.request, passage.req, inside)
    .then(async (outcome) => {
      if ("problem" in outcome && !life.closed && !outgoing.headersSent)
        await passage.refused(outcome.problem);
    })
    .catch((error: unknown) => {
      if (life.closed) passage.late(error);
      else passage.failed(error);
    });
}

// A cache that keys by address alone would hand one tenant's answer to the next.
function vary(
  response: Pick<AnsweringResponse, "getHeader" | "setHeader">,
  fields: readonly string[],
): void {
  if (fields.length === 0) return;
  const present = String(response.getHeader("vary") ?? "")
    .split(",")
    .map((field) => field.trim())
    .filter((field) => field !== "");
  if (present.includes("*")) return;
  const missing = fields.filter((field) => !present.some((one) => one.toLowerCase() === field));
  if (missing.length > 0) response.setHeader("vary", [...present, ...missing].join(", "));
}

/** Writes a problem as RFC 9457 has it. */
export function writeProblem(
  { status, headers, body }: Problem,
  response: AnsweringResponse,
): void {
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.end(JSON.stringify(body));
}

/** Warns of an error that nobody can be told any more. */
export function warn(error: unknown): void {
  process.emitWarning(
    error instanceof Error
      ? error
      : new Error("tenancy() failed after the response had closed", { cause: error }),
  );
}
