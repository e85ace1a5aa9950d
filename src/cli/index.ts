export { definePartywallConfig, type ConfigRoles, type PartywallConfig } from "./define-config.js";
export type { Script, ScriptContext } from "./script.js";
