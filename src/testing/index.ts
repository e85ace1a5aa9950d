export { ormConformance } from "./conformance/suite.js";
export type {
  ConformanceResult,
  ConformanceRunner,
  OrmConformanceOptions,
} from "./conformance/suite.js";
export { CAPABILITIES } from "./conformance/orm.js";
export type {
  Author,
  AuthorWithBooks,
  Book,
  Capability,
  OrmSession,
  OrmSubject,
  OrmUnderTest,
  OrmWiring,
  Tag,
} from "./conformance/orm.js";
export type { ConformancePg, Strategy } from "./conformance/world.js";
