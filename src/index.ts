export {
  ERROR_CODES,
  PartywallError,
  TenantContextError,
  partywallErrorOf,
  type ErrorCode,
} from "./errors.js";
export {
  createPartywall,
  type Partywall,
  type PartywallEvents,
  type PartywallOptions,
} from "./partywall.js";
export type { TenantChange } from "./registry/changes.js";
export type { FieldsInputOf, FieldsOf, UntypedFields } from "./registry/field-types.js";
export type {
  AuditEvent,
  AuditSink,
  DeniedAuditEvent,
  RolloutAuditEvent,
  SystemAuditEvent,
} from "./scope/audit.js";
export type { DeepReadonly } from "./scope/deep-readonly.js";
export type { TenantKey } from "./scope/directory.js";
export { EachError, type EachFailure, type EachOptions, type EachResult } from "./scope/each.js";
export type {
  DeniedAccess,
  Guard,
  GuardedTenant,
  GuardHost,
  OpenGuardRollout,
} from "./scope/guard.js";
export type {
  Cleanup,
  LifecycleEventName,
  LifecycleHandlers,
  ScopeEvent,
} from "./scope/lifecycle.js";
export type { CentralScope, Scope, SystemScope, TenantScope } from "./scope/scope.js";
export type { RunOptions, SystemOptions } from "./scope/scopes.js";
export type { ResumeOptions, SnapshotOptions } from "./scope/snapshot.js";
export { registerScopeSource } from "./scope/register-source.js";
export type { ScopeSource } from "./scope/source.js";
export type { Placement, Tenant, TenantStatus } from "./scope/tenant.js";
