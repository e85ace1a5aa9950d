import type { HttpContext } from "@adonisjs/core/http";
import db from "@adonisjs/lucid/services/db";
import { pw } from "../../start/partywall.js";
import Goal from "../models/goal.js";

/** No method names a tenant. */
export default class GoalsController {
  index() {
    return Goal.query().orderBy("id");
  }

  async store({ request, response }: HttpContext) {
    const title: unknown = request.input("title");
    if (typeof title !== "string") return response.badRequest({ detail: "Send a title." });
    return response.created(await Goal.create({ title, author: String(pw.principal()) }));
  }

  async search({ request }: HttpContext) {
    const q = String(request.input("q", ""));
    const { rows } = (await db.rawQuery(
      `select title from goals where title ilike '%${q}%' order by id`,
    )) as { rows: unknown[] };
    return rows;
  }
}
