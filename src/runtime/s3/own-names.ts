import type { Keys } from "./keys.js";
import type { Fields } from "./native.js";

const KEYS = ["Key", "Prefix", "Marker", "NextMarker", "KeyMarker", "NextKeyMarker", "StartAfter"];
const LISTS = ["Contents", "Versions", "DeleteMarkers", "Uploads", "Deleted", "Errors"];

/** What the server answers, with the tenant's own names for its objects. Throws `PW_GUARD_FAILED` where it names another tenant's. */
export function ownNames(keys: Keys, output: Fields): Fields {
  const own: Record<string, unknown> = { ...output };
  for (const field of KEYS) if (field in own) own[field] = keys.own(own[field]);
  for (const field of LISTS) if (field in own) own[field] = each(own[field], "Key", keys);
  if ("CommonPrefixes" in own) own["CommonPrefixes"] = each(own["CommonPrefixes"], "Prefix", keys);
  return own;
}

function each(list: unknown, field: string, keys: Keys): unknown {
  if (!Array.isArray(list)) return list;
  return list.map((one: Fields) => ({ ...one, [field]: keys.own(one[field]) }));
}
