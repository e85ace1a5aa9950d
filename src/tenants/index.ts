export { exportTenant } from "./postgres/export.js";
export type { ExportOptions, ExportSummary } from "./postgres/export.js";
export { importTenant } from "./postgres/import.js";
export type { ImportOptions, ImportReport } from "./postgres/import.js";
export { copyTenant } from "./postgres/copy.js";
export { compareTenant } from "./postgres/compare.js";
export type { TenantComparison } from "./postgres/compare.js";
export type { Premises } from "./postgres/premises.js";
export type { ArchiveSource } from "./archive-lines.js";
export type { ArchiveColumn, ArchiveHeader, ArchiveTable } from "./postgres/archive-format.js";
export type { ArchiveHead, ArchiveTrailer } from "./archive.js";
export type { TableSum } from "./checksum.js";
export type { TenantDataProgress, WatchOptions } from "./progress.js";
export { eraseTenant } from "./postgres/erase.js";
export type { EraseOptions, EraseReport } from "./postgres/erase.js";
export type { DatabaseDrop } from "./postgres/erase-database.js";
export { scanTenant } from "./postgres/scan.js";
export type { ScanOptions, ScannedColumn, ScanReport } from "./postgres/scan.js";
export { ownershipMark } from "./postgres/mark.js";
export { tenantMover, type TenantMover } from "./postgres/move/mover.js";
export type {
  HoldingGuard,
  HomeBuilder,
  MoveOptions,
  MoveReport,
  MoverOptions,
} from "./postgres/move/options.js";
export type { MovableTenants } from "./move/tenants.js";
export type { MoveEntry, MoveStep } from "./move/entry.js";
export { homeName } from "./home-name.js";
export { provisioner } from "./postgres/provisioner.js";
export type { Provisioner, ProvisionerOptions } from "./postgres/provisioner.js";
export type { AdminClient, AdminPg } from "./postgres/admin.js";
export type { SchemaTemplate } from "./postgres/clone-schema.js";
export type { DeprovisionOptions, DeprovisionReport, RegisteredTenant } from "./deprovision.js";
export type { MigrateAllOptions, MigrateProgress } from "./migrate-all.js";
export type { Vacancies, VacanciesOptions, VacanciesStatus } from "./postgres/vacancies.js";
export type { DatabaseTemplate, HomePlace } from "./postgres/works.js";
export type { ProvisionedTenant } from "./home.js";
