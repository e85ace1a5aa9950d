import { Catch, HttpException } from "@nestjs/common";
import type { ArgumentsHost, ExceptionFilter } from "@nestjs/common";
import { throwError } from "rxjs";
import { writeProblem } from "../node-entrance.js";
import type { AnsweringResponse } from "../node-entrance.js";
import type { Problem } from "../problem.js";

/**
 * A request that was refused, as exception filters get it: what an outsider may know, and not the true reason. An
 * application that answers in another way catches it in a filter of its own.
 *
 * @example
 * ```ts
 * import { Catch, type ArgumentsHost, type ExceptionFilter } from "@nestjs/common";
 * import { TenantRefusedException } from "partywall/frameworks/nest";
 *
 * @Catch(TenantRefusedException)
 * export class RefusedFilter implements ExceptionFilter {
 *   catch({ problem }: TenantRefusedException, host: ArgumentsHost) {
 *     host.switchToHttp().getResponse().status(problem.status).send(problem.body.title);
 *   }
 * }
 * ```
 */
export class TenantRefusedException extends HttpException {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super({ ...problem.body }, problem.status);
    this.message = problem.body.detail;
    this.problem = problem;
  }
}

/** The slice of a reply of Fastify that a refusal is written to. */
interface Reply {
  readonly raw: unknown;
  code(status: number): unknown;
  headers(values: object): unknown;
  send(payload: string): unknown;
}

/** Answers a refused request as every other framework does. */
@Catch(TenantRefusedException)
export class RefusalFilter implements ExceptionFilter<TenantRefusedException> {
  catch(exception: TenantRefusedException, host: ArgumentsHost): unknown {
    const { problem } = exception;
    switch (host.getType<string>()) {
      case "http":
        return answer(problem, host.switchToHttp().getResponse<AnsweringResponse | Reply>());
      case "rpc":
        return throwError(() => problem.body);
      default:
        throw exception;
    }
  }
}

function answer(problem: Problem, response: AnsweringResponse | Reply): void {
  if (!("raw" in response)) return writeProblem(problem, response);
  response.code(problem.status);
  response.headers({ ...problem.headers });
  response.send(JSON.stringify(problem.body));
}
