export { planAdoption } from "./plan-adoption.js";
export type { AdoptOptions, TableChoice, TableKind } from "./options.js";
export type { AdoptionPlan, TablePlan } from "./plan.js";
export type { Batches, LockMode, Notice, Obstacle, Phase, Step, StepLock } from "./step.js";
