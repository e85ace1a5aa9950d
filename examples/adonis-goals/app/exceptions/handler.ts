import type { HttpContext } from "@adonisjs/core/http";
import { partywallErrorOf } from "partywall";

/** Answers with the status of the error and nothing of its message, which may hold the statement. */
export default class ExceptionHandler {
  report(error: unknown) {
    const wall = partywallErrorOf(error);
    console.error(wall === undefined ? error : `${wall.code}: ${wall.message}`);
  }

  handle(error: unknown, { response }: HttpContext) {
    const { status = 500 } = partywallErrorOf(error) ?? (error as { status?: number });
    response.status(status).send({ code: partywallErrorOf(error)?.code ?? "ERROR" });
  }
}
