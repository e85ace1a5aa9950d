export { guardMongo } from "./guard.js";
export type { MongoGuard } from "./guard.js";
export type { GuardMongoOptions, MongoServer } from "./options.js";
export type { MongoDriverParts, MongoModule } from "./driver.js";
