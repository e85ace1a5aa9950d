import router from "@adonisjs/core/services/router";
import { pw } from "./partywall.js";

const GoalsController = () => import("../app/controllers/goals_controller.js");

router.get("/health", () => ({ ok: true, tenant: pw.tryCurrent()?.slug ?? null })).as("health");
router.get("/goals", [GoalsController, "index"]);
router.post("/goals", [GoalsController, "store"]);
// Vulnerable on purpose: never build SQL like this. The wall holds although the statement is the attacker's.
router.get("/search", [GoalsController, "search"]);
