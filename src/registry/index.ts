export type { CacheOptions } from "./cache.js";
export { hardenedStore } from "./hardened-store.js";
export { memoryStore } from "./memory-store.js";
export type {
  MongoClient,
  MongoCollection,
  MongoConnection,
  MongoDocument,
  MongoModule,
} from "./mongodb-driver.js";
export { mongoStore, type MongoStoreOptions } from "./mongodb-store.js";
export type { PgClient, PgModule, PgPool, PostgresConnection } from "./postgres-driver.js";
export { postgresInvalidation, type PostgresInvalidationOptions } from "./postgres-invalidation.js";
export { postgresStore, type PostgresStoreOptions } from "./postgres-store.js";
export type { TenantPatch, TenantRecord } from "./record.js";
export type { SettingsOptions, SettingsPatch } from "./settings.js";
export type { SchemaIssue, SchemaResult, StandardSchemaV1 } from "./standard-schema.js";
export type { RegistryInvalidation, StoreKey, StorePage, TenantStore } from "./store.js";
export type { ListOptions, NewTenant, TenantChanges, TenantPage, Tenants } from "./tenants.js";
