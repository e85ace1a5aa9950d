import { sep } from "node:path";
import { fileURLToPath } from "node:url";

// More than ORMs put between the application and the driver.
const MOST_FRAMES = 60;
const OWN = fileURLToPath(new URL("../../", import.meta.url));
const PACKAGES = `${sep}node_modules${sep}`;
// A file with its line and column; what is evaluated or native has none.
const PLACE = /^((?:file:\/\/\/|[A-Za-z]:[\\/]|\/).*):\d+:\d+$/;

/** Where something was called; the stack is put into words only when it is asked for. */
export interface CallSite {
  stack?: string;
}

/** Remembers the stack of this moment. */
export function captureCallSite(): CallSite {
  const site: CallSite = {};
  const limit = Error.stackTraceLimit;
  // Where the limit cannot be set, fewer frames are found.
  Reflect.set(Error, "stackTraceLimit", MOST_FRAMES);
  try {
    Error.captureStackTrace(site, captureCallSite);
  } finally {
    Reflect.set(Error, "stackTraceLimit", limit);
  }
  return site;
}

/**
 * The frame of the application's own code that a call came from: the innermost outside `node_modules` and this
 * library, such as `listOrders (/srv/shop/orders.ts:12:20)`. `undefined` where the stack holds none, as where a
 * statement was queued and sent from a timer of an ORM.
 */
export function describeCallSite(site: CallSite): string | undefined {
  for (const line of String(site.stack).split("\n").slice(1)) {
    const frame = line.trim().replace(/^at (?:async )?/, "");
    const named = frame.endsWith(")") ? frame.indexOf(" (") : -1;
    const place = named === -1 ? frame : frame.slice(named + 2, -1);
    const url = PLACE.exec(place)?.[1];
    if (url === undefined) continue;
    const path = url.startsWith("file://") ? fileURLToPath(url) : url;
    if (!path.startsWith(OWN) && !path.includes(PACKAGES)) return frame.replace(url, () => path);
  }
  return undefined;
}
