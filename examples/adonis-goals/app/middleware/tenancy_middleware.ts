import type { HttpContext } from "@adonisjs/core/http";
import { tenancy } from "partywall/frameworks/adonis";
import { subdomain } from "partywall/resolvers";
import { roleOf } from "../../../goals-database.js";
import { pw } from "../../start/partywall.js";

/** For every route: finds the tenant, and asks whether the caller is one of its members. */
export default tenancy(pw, {
  resolve: subdomain("localhost"),
  // Stands for a login: never believe a header.
  principal: (ctx: HttpContext) => ctx.request.header("x-user") ?? "",
  authorize: ({ tenant, principal }) => roleOf(tenant.slug, principal) !== undefined,
  routes: (ctx) => (ctx.route?.name === "health" ? "central" : "tenant"),
});
