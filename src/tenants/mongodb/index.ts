export { exportTenant } from "./export.js";
export type { ExportOptions, ExportSummary } from "./export.js";
export { importTenant } from "./import.js";
export type { ImportOptions, ImportReport } from "./import.js";
export { copyTenant } from "./copy.js";
export { compareTenant } from "./compare.js";
export type { TenantComparison } from "./compare.js";
export type { Bson, Premises } from "./premises.js";
export type { ArchiveCollection, ArchiveHeader } from "./archive-format.js";
export type { ArchiveSource } from "../archive-lines.js";
export type { ArchiveHead, ArchiveTrailer } from "../archive.js";
export type { TableSum } from "../checksum.js";
export type { TenantDataProgress, WatchOptions } from "../progress.js";
export { eraseTenant } from "./erase.js";
export type { EraseOptions, EraseReport } from "./erase.js";
export { scanTenant } from "./scan.js";
export type { ScanOptions, ScannedField, ScanReport } from "./scan.js";
export { homeName } from "../home-name.js";
export { ownershipMark } from "./mark.js";
export { provisioner } from "./provisioner.js";
export type { Provisioner, ProvisionerOptions } from "./provisioner.js";
export { tenantMover, type TenantMover } from "./move/mover.js";
export type {
  ConfirmOptions,
  HomeBuilder,
  MovableTenants,
  MovedTable,
  MoveOptions,
  MoveReport,
  MoverOptions,
} from "./move/options.js";
export type { MoveEntry, MoveStep } from "../move/entry.js";
export type { MovableTenant } from "../move/tenants.js";
export type { CollectionTemplate, DatabaseTemplate, IndexTemplate } from "./template.js";
export type { HomePlace } from "./works.js";
export type { AdminClient, AdminCollection, AdminDatabase, AdminMongo } from "./admin.js";
export type { Mark, MarkStage } from "./mark.js";
export type { DeprovisionOptions, DeprovisionReport, RegisteredTenant } from "../deprovision.js";
export type { ProvisionedTenant } from "../home.js";
export type { MigrateAllOptions, MigrateProgress } from "../migrate-all.js";
