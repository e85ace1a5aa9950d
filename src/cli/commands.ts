import type { AnyCommand } from "./command.js";

/**
 * Every command by its name, imported when it is needed. A command is one file that exports `command` and imports the
 * library it works with only when it runs, so that help stays fast.
 */
export const COMMANDS: Readonly<Record<string, () => Promise<{ readonly command: AnyCommand }>>> = {
  init: () => import("./commands/init.js"),
  logins: () => import("./commands/logins.js"),
  policies: () => import("./commands/policies.js"),
  audit: () => import("./commands/audit.js"),
  "tenant create": () => import("./commands/tenant-create.js"),
  "tenant list": () => import("./commands/tenant-list.js"),
  "tenant show": () => import("./commands/tenant-show.js"),
  "tenant suspend": () => import("./commands/tenant-suspend.js"),
  "tenant restore": () => import("./commands/tenant-restore.js"),
  "tenant export": () => import("./commands/tenant-export.js"),
  "tenant import": () => import("./commands/tenant-import.js"),
  "tenant erase": () => import("./commands/tenant-erase.js"),
  "tenant move": () => import("./commands/tenant-move.js"),
  "tenant move-confirm": () => import("./commands/tenant-move-confirm.js"),
  "tenant move-give-up": () => import("./commands/tenant-move-give-up.js"),
  "tenant migrate": () => import("./commands/tenant-migrate.js"),
  "tenant deprovision": () => import("./commands/tenant-deprovision.js"),
  "adopt plan": () => import("./commands/adopt-plan.js"),
  "adopt run": () => import("./commands/adopt-run.js"),
  "adopt write": () => import("./commands/adopt-write.js"),
  "adopt schema": () => import("./commands/adopt-schema.js"),
  "adopt status": () => import("./commands/adopt-status.js"),
  "adopt undo": () => import("./commands/adopt-undo.js"),
  exec: () => import("./commands/exec.js"),
};
