import { createRequire } from "node:module";
import * as mongodb from "mongodb";
import mongoose from "mongoose";

const require = createRequire(import.meta.url);

/** The majors of Mongoose; the types of the older one claim the name of the newer. */
export const MONGOOSES: readonly (readonly [name: string, mongoose: typeof mongoose])[] = [
  ["Mongoose 9", mongoose],
  ["Mongoose 8", require("mongoose-8") as typeof mongoose],
];

/** Every copy of the driver that there is: both majors, and those inside both majors of Mongoose. */
export const DRIVERS: readonly (readonly [name: string, driver: typeof mongodb])[] = [
  ["mongodb 7", mongodb],
  ["mongodb 6", require("mongodb-6") as typeof mongodb],
  ...MONGOOSES.map(
    ([name, { mongo }]) => [`the driver of ${name}`, mongo as unknown as typeof mongodb] as const,
  ),
];
