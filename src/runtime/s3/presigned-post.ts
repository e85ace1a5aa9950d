import { PartywallError } from "../../errors.js";
import { guardOf } from "./guarded.js";
import { keyRefused } from "./keys.js";
import type { S3ClientLike } from "./native.js";

/**
 * What `createPresignedPost` of `@aws-sdk/s3-presigned-post` takes.
 *
 * @example
 * ```ts
 * import type { PostOptions } from "partywall/runtime/s3";
 *
 * export const post: PostOptions = { Bucket: "shop-files", Key: "logo.svg", Expires: 60 };
 * ```
 */
export interface PostOptions {
  readonly Bucket: string;
  readonly Key: string;
  readonly Conditions?: readonly unknown[];
  readonly Fields?: Readonly<Record<string, string>>;
  /** Seconds until the form expires; 3600 unless told. */
  readonly Expires?: number;
}

/**
 * A form by which a browser may put one object.
 *
 * @example
 * ```ts
 * import type { PresignedPost } from "partywall/runtime/s3";
 *
 * export const action = ({ url }: PresignedPost) => url;
 * ```
 */
export interface PresignedPost {
  readonly url: string;
  readonly fields: Record<string, string>;
}

// Fields of the form that name no object.
const FIELD =
  /^(?:acl|tagging|cache-control|content-(?:type|disposition|encoding)|expires|redirect|success_action_(?:redirect|status)|x-amz-(?:meta-.+|storage-class|server-side-encryption[\w-]*|checksum-[\w-]+))$/i;

/**
 * `createPresignedPost` of `@aws-sdk/s3-presigned-post` for guarded clients: the form it makes puts one object of the current tenant,
 * whose key is given whole.
 *
 * The function it returns rejects with `PW_CONFIG` for a client that is not guarded, `TenantContextError` outside a tenant's scope,
 * `PW_PATH_REFUSED` for a key that is refused or left to the browser (`${filename}`), and `PW_STATEMENT_REFUSED` for fields and
 * conditions that name a key or bucket.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
 *
 * @example
 * ```ts
 * import { S3Client } from "@aws-sdk/client-s3";
 * import { createPresignedPost } from "@aws-sdk/s3-presigned-post";
 * import { createPartywall } from "partywall";
 * import { guardPresignedPost, guardS3 } from "partywall/runtime/s3";
 *
 * const pw = createPartywall();
 * const s3 = guardS3(pw, new S3Client({ region: "eu-central-1" }));
 * const presignedPost = guardPresignedPost(createPresignedPost);
 * const form = (tenant: string) =>
 *   pw.run(tenant, () => presignedPost(s3, { Bucket: "shop-files", Key: "logo.svg" }));
 * ```
 */
export function guardPresignedPost<Client extends S3ClientLike>(
  createPresignedPost: (client: Client, options: never) => Promise<PresignedPost>,
): (client: Client, options: PostOptions) => Promise<PresignedPost> {
  const create = createPresignedPost as (
    client: Client,
    options: PostOptions,
  ) => Promise<PresignedPost>;
  return async (client, options) => {
    const guard = guardOf(client);
    if (guard === undefined)
      throw new PartywallError(
        "PW_CONFIG",
        "guardPresignedPost(): the client is not guarded. Hand it to guardS3() first.",
      );
    const keys = guard.keys();
    if (keys === undefined) return guard.signatures.during(async () => create(client, options));
    const { Bucket, Key, Conditions = [], Fields = {}, Expires } = options;
    if (typeof Key === "string" && Key.includes("${"))
      throw keyRefused("the browser would choose part of it; give the whole key");
    const field = Object.keys(Fields).find((name) => !FIELD.test(name));
    if (field !== undefined) throw refused(`the field ${JSON.stringify(field)}`);
    if (!Conditions.every(isHarmless)) throw refused("a condition");
    const scoped: PostOptions = {
      Bucket,
      Key: keys.of(Key),
      Conditions: [...Conditions],
      Fields: { ...Fields },
      ...(Expires === undefined ? {} : { Expires }),
    };
    return guard.signatures.during(async () => create(client, scoped));
  };
}

// The key is the one given and the bucket too: a condition about them could only be meant for other names than those on the server.
function isHarmless(condition: unknown): boolean {
  if (!Array.isArray(condition))
    return Object.keys(condition as object).every((name) => FIELD.test(name));
  const [operator, field] = condition as unknown[];
  if (operator === "content-length-range") return true;
  return typeof field === "string" && FIELD.test(field.replace(/^\$/, ""));
}

function refused(what: string): PartywallError {
  return new PartywallError(
    "PW_STATEMENT_REFUSED",
    `guardPresignedPost(): ${what} names a key or a bucket, or is not known. The form is for the Bucket and Key given. Nothing was signed.`,
  );
}
