import type { MongoEngine } from "../../../support/mongo-servers.js";
import type { CallSite } from "./site.js";

/** A call of Mongoose or of the driver, as an application makes it in a tenant's scope. */
export interface Call {
  readonly name: string;
  /** The commands that it is on the wire, in their order; none where it is refused. */
  readonly commands: readonly string[];
  /** The servers that can do it, where not all can; on others it has to fail. */
  readonly on?: readonly MongoEngine[];
  /** What is counted in an answer, where a plain server's is known: documents, or a number. */
  readonly expect?: unknown;
  readonly run: (site: CallSite) => Promise<unknown>;
}

/** MongoDB itself. */
export const MONGODB: readonly MongoEngine[] = ["mongod"];
/** Servers that can join. */
export const JOINING: readonly MongoEngine[] = ["mongo-java-server", "mongod"];
/** Servers that have sessions and explain. */
export const EXPLAINING: readonly MongoEngine[] = ["ferretdb", "mongod"];
