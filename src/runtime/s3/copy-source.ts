import { keyRefused, type Keys } from "./keys.js";

const SOURCE = /^\/?(?<bucket>[^/?:%]+)\/(?<key>[^?]+)(?:\?versionId=(?<version>[\w.~%-]+))?$/;

/**
 * `bucket/key`, URL-encoded and perhaps with a version, with the tenant's prefix before the key. Throws `PW_PATH_REFUSED` for another
 * form, that of access points among them.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html, `x-amz-copy-source`
 */
export function copySource(keys: Keys, given: unknown): string {
  const { bucket, key, version } = (typeof given === "string" && SOURCE.exec(given)?.groups) || {};
  if (bucket === undefined || key === undefined)
    throw keyRefused("the source of a copy is not of the form bucket/key");
  const path = keys.of(decoded(key)).split("/").map(encodeURIComponent).join("/");
  return `${bucket}/${path}${version === undefined ? "" : `?versionId=${version}`}`;
}

function decoded(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    throw keyRefused("the source of a copy is not URL-encoded");
  }
}
