import type * as mongodb from "mongodb";
import type { MongoGuard } from "partywall/guards/mongodb";
import type { Orders } from "./orders.js";

/** Over what a library is opened. */
export interface Wiring {
  /** Absent where the tenant is put into every call by hand. */
  readonly guard?: MongoGuard;
  readonly url: string;
  /** Connections at most. */
  readonly max: number;
  /** Folder of the compiled package. */
  readonly folder: string;
}

export type OpenLibrary = (wiring: Wiring) => Promise<Orders>;

/** A library that speaks to MongoDB. */
export interface Library {
  readonly name: string;
  /** The copy of the driver that the guard is made of. */
  readonly driver: typeof mongodb;
  readonly open: OpenLibrary;
}
