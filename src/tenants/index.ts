export { homeName } from "./postgres/home-name.js";
export { provisioner } from "./postgres/provisioner.js";
export type { Provisioner, ProvisionerOptions } from "./postgres/provisioner.js";
export type { AdminClient, AdminPg } from "./postgres/admin.js";
export type { SchemaTemplate } from "./postgres/clone-schema.js";
export type {
  DeprovisionOptions,
  DeprovisionReport,
  RegisteredTenant,
} from "./postgres/deprovision.js";
export type { MigrateAllOptions, MigrateProgress } from "./postgres/migrate-all.js";
export type { Vacancies, VacanciesOptions, VacanciesStatus } from "./postgres/vacancies.js";
export type { DatabaseTemplate, HomePlace, ProvisionedTenant } from "./postgres/works.js";
