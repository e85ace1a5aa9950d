export { awilix } from "./awilix.js";
export type { AwilixContainer, AwilixModule } from "./awilix.js";
export type {
  Binding,
  BindingSource,
  ClassBinding,
  FactoryBinding,
  ValueBinding,
} from "./bindings.js";
export type { ContainerScope } from "./child.js";
export type { ContainerHost } from "./host.js";
export { inversify } from "./inversify.js";
export type { InversifyContainer } from "./inversify.js";
export { mongooseModels } from "./mongoose-models.js";
export type { MongooseConnection, MongooseModels } from "./mongoose-models.js";
export type { ContainerPort, PortBinding, Token } from "./port.js";
export { tenantContainer } from "./tenant-container.js";
export type {
  ClosingResponse,
  TenantContainer,
  TenantContainerOptions,
} from "./tenant-container.js";
export { tsyringe } from "./tsyringe.js";
export type { TsyringeContainer } from "./tsyringe.js";
export type { RoleOf, UserContext } from "./user-context.js";
