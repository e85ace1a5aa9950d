import { PartywallError } from "../errors.js";
import { tenantOf } from "../scope/current.js";
import { Keys } from "./s3/keys.js";
import type { NativeClient, S3ClientLike } from "./s3/native.js";
import { optionsOf, type S3GuardOptions, type S3Host } from "./s3/options.js";
import { ownNames } from "./s3/own-names.js";
import { guardOf, remember } from "./s3/guarded.js";
import { scopedInput } from "./s3/scoped-input.js";
import { Signatures } from "./s3/signatures.js";

export { guardPresignedPost } from "./s3/presigned-post.js";
export type { PostOptions, PresignedPost } from "./s3/presigned-post.js";
export type { S3ClientLike } from "./s3/native.js";
export type { S3GuardOptions, S3Host } from "./s3/options.js";

/**
 * Puts a client of `@aws-sdk/client-s3` behind the wall and returns the same client: every key of every command carries the prefix
 * `t-<realm>/t-<tenant>/` of the scope that issues it, and names in answers come back without. URLs that `getSignedUrl` makes with it
 * are of the tenant's objects; nothing else can sign with its credentials.
 *
 * Throws `PW_CONFIG` for another client, one with `bucketEndpoint`, and one that is guarded already. A command rejects with
 * `TenantContextError` outside a tenant's scope, `PW_STATEMENT_REFUSED` where it is not known to name only objects, and
 * `PW_PATH_REFUSED` for a key that is refused.
 *
 * @example
 * ```ts
 * import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
 * import { createPartywall } from "partywall";
 * import { guardS3 } from "partywall/runtime/s3";
 *
 * const pw = createPartywall();
 * const s3 = guardS3(pw, new S3Client({ region: "eu-central-1" }));
 * const greet = (tenant: string) =>
 *   pw.run(tenant, () =>
 *     s3.send(new PutObjectCommand({ Bucket: "shop-files", Key: "greeting.txt", Body: "hello" })),
 *   );
 * ```
 */
export function guardS3<Client extends S3ClientLike>(
  pw: S3Host,
  client: Client,
  options: S3GuardOptions = {},
): Client {
  const { root, system } = optionsOf(options);
  const native = client as unknown as NativeClient;
  const { credentials } = assertGuardable(native);
  const signatures = new Signatures(native.config, credentials);
  const keys = () => {
    const scope = pw.scope();
    if (scope?.kind === "system" && system) return undefined;
    return new Keys(root, pw.realm, tenantOf(scope).id);
  };
  remember(client, { keys, signatures });
  native.middlewareStack.addRelativeTo(
    (next, { commandName }) =>
      async (call) => {
        const own = keys();
        if (own === undefined) return signatures.during(async () => next(call));
        const input = scopedInput(own, commandName, call.input);
        const answer = await signatures.during(async () => next({ ...call, input }));
        return { ...answer, output: ownNames(own, answer.output) };
      },
    // The last that sees what a command takes: no other step changes a key after it.
    { name: "partywall", relation: "before", toMiddleware: "serializerMiddleware" },
  );
  return client;
}

function assertGuardable(native: NativeClient): {
  credentials: NonNullable<NativeClient["config"]["credentials"]>;
} {
  if (guardOf(native) !== undefined)
    throw new PartywallError("PW_CONFIG", "guardS3(): the client is guarded already.");
  const { config, middlewareStack: stack } = native;
  const { serviceId, credentials, bucketEndpoint } = config ?? {};
  if (
    serviceId !== "S3" ||
    typeof credentials !== "function" ||
    typeof stack?.addRelativeTo !== "function"
  )
    throw new PartywallError(
      "PW_CONFIG",
      "guardS3() takes a client of @aws-sdk/client-s3, version 3, as its constructor gives it.",
    );
  if (bucketEndpoint === true)
    throw new PartywallError(
      "PW_CONFIG",
      "guardS3(): with bucketEndpoint a bucket's name is an address that keys could hide in. Give the address as endpoint.",
    );
  return { credentials };
}
