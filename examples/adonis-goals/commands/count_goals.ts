import { BaseCommand } from "@adonisjs/core/ace";
import { tenantCommand } from "partywall/frameworks/adonis";
import Goal from "../app/models/goal.js";
import { pw } from "../start/partywall.js";

/** `node ace goals:count --tenant=acme`, or `--all`. */
export default class CountGoals extends tenantCommand(pw, BaseCommand) {
  static override commandName = "goals:count";
  static override description = "Count the goals of a tenant, or of all";
  static override options = { startApp: true };

  override async run() {
    console.log(`${pw.current().name}: ${(await Goal.all()).length} goals`);
  }
}
