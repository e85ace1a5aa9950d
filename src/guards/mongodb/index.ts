export { guardMongo } from "./guard.js";
export type { MongoGuard } from "./guard.js";
export type { GuardMongoOptions, MongoServer } from "./options.js";
export type { MongoDriverParts, MongoModule } from "./driver.js";
export type { MongoAudit, MongoAuditOptions } from "./audit/options.js";
export type { MongoFinding, MongoUnseen } from "./audit/check.js";
export type { MongoBootAudit } from "./audit/boot-audit.js";
export type { DocumentReference, ReferenceEnd } from "./audit/reference.js";
export type { PlacedTenant } from "./audit/tenant-values.js";
export type {
  AuditedModel,
  ModelConnection,
  ModelReference,
  ModelSource,
} from "./audit/model-source.js";
export { mongoMendingScript } from "./audit/mending-script.js";
