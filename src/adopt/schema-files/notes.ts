import type { Place } from "./syntax.js";

/** Notes something of an object at a place of a file. */
export type Say = (place: Place, object: string, text: string) => void;

/** Said of an entity whose table is not known. */
export const UNNAMED =
  "The table's name is not written out, so it is not known which it is. Edit it by hand.";
