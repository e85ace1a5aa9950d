import type { ApplicationService } from "@adonisjs/core/types";
import { Database } from "@adonisjs/lucid/database";
import { guardLucid } from "partywall/adapters/lucid";
import { tenancyProvider } from "partywall/frameworks/adonis";
import { pw } from "../start/partywall.js";

/** Puts Lucid over the guard, and lets the wall prove that it stands before anybody is answered. */
export default tenancyProvider(pw, {
  boot: async (app: ApplicationService) =>
    guardLucid(pw.postgres, await app.container.make(Database)),
});
