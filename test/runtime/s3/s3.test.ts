import { AsyncResource } from "node:async_hooks";
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3,
  S3Client,
  UploadPartCommand,
  CreateMultipartUploadCommand,
  UploadPartCopyCommand,
  paginateListObjectsV2,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { createPresignedPost } from "@aws-sdk/s3-presigned-post";
import { getSignedUrl, S3RequestPresigner } from "@aws-sdk/s3-request-presigner";
import { Readable } from "node:stream";
import { createPartywall, type Partywall } from "partywall";
import { guardPresignedPost, guardS3 } from "partywall/runtime/s3";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { startS3, type S3Server } from "../../support/s3.js";

const Bucket = "shop-files";
const A = "acme";
const B = "Acme";
const PREFIX_OF_A = "t-default/t-acme/";
/** What the server refuses or does not find; the guard let it pass. */
const SERVERS_ERROR = expect.objectContaining({ $fault: "client" });
const refusal = (code: string) => expect.objectContaining({ code });

describeEngine("versitygw", "objects of tenants", () => {
  let server: S3Server;
  let pw: Partywall;
  /** What nobody guards, to see what is there. */
  let plain: S3Client;
  let s3: S3Client;

  beforeAll(async () => {
    server = await startS3();
    plain = new S3Client(server.config);
    await plain.send(new CreateBucketCommand({ Bucket }));
    pw = createPartywall();
    await pw.tenants.create({ id: A, slug: "a", name: "A" });
    await pw.tenants.create({ id: B, slug: "b", name: "B" });
    s3 = guardS3(pw, new S3Client(server.config));
  });
  afterAll(async () => {
    plain.destroy();
    s3.destroy();
    await pw.close();
    await server.stop();
  });
  beforeEach(async () => {
    for (const tenant of [A, B])
      for (const Key of ["secret.txt", "photos/1.jpg"])
        await pw.run(tenant, () => put(Key, `${tenant}'s`));
  });
  afterEach(async () => {
    for (const Key of await keys()) await plain.send(new DeleteObjectCommand({ Bucket, Key }));
  });

  const inA = <T>(fn: () => Promise<T>) => pw.run(A, fn);
  const put = async (Key: string, Body: string) =>
    s3.send(new PutObjectCommand({ Bucket, Key, Body }));
  const get = async (Key: string, client = s3) => {
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
    return Body!.transformToString();
  };
  const keys = async () => {
    const { Contents = [] } = await plain.send(new ListObjectsV2Command({ Bucket }));
    return Contents.map(({ Key }) => Key!);
  };
  const prefixOfB = async () => {
    const one = (await keys()).find((key) => key.endsWith("secret.txt") && !key.includes(A));
    return one!.slice(0, -"secret.txt".length);
  };
  const theirs = async () => {
    const prefix = await prefixOfB();
    return Promise.all(
      (await keys()).filter((key) => key.startsWith(prefix)).map(async (key) => get(key, plain)),
    );
  };

  test("each tenant's lie below a prefix of its own, which it does not see", async () => {
    await inA(() => put("a+b ü=%2F&.txt", "own"));
    expect(await get(`${PREFIX_OF_A}a+b ü=%2F&.txt`, plain)).toBe("own");
    expect(await inA(() => get("a+b ü=%2F&.txt"))).toBe("own");
    // Ids that differ in case only, and one that could be the other's hash, never meet.
    expect(await prefixOfB()).toMatch(/^t-default\/h-[0-9a-f]{64}\/$/);
    expect(await inA(() => get("secret.txt"))).toBe("acme's");
  });

  test("nothing is sent without a tenant", async () => {
    await expect(put("x", "x")).rejects.toEqual(refusal("PW_NO_SCOPE"));
    await expect(pw.central(() => put("x", "x"))).rejects.toEqual(refusal("PW_CENTRAL_SCOPE"));
    await expect(pw.system({ reason: "look" }, () => put("x", "x"))).rejects.toEqual(
      refusal("PW_CENTRAL_SCOPE"),
    );
    expect((await keys()).filter((key) => key.endsWith("x"))).toEqual([]);
  });

  test("the tenant is the one whose scope issues the command, on one client and one connection", async () => {
    const one = guardS3(
      pw,
      new S3Client({ ...server.config, requestHandler: { httpAgent: { maxSockets: 1 } } }),
    );
    const read = await Promise.all(
      Array.from({ length: 40 }, (_, index) => {
        const tenant = index % 2 === 0 ? A : B;
        return pw.run(tenant, async () => [tenant, await get("secret.txt", one)]);
      }),
    );
    for (const [tenant, text] of read) expect(text).toBe(`${tenant}'s`);
    one.destroy();
  });

  test.each([
    "../h-x/secret.txt",
    "photos/../../x",
    "..",
    "./x",
    "photos/.",
    "%2e%2e/x",
    "photos%2f..%2f..%2fx",
    "%252e%252e%252fx",
    "..\\x",
    "..%5cx",
    ".\u200c./x",
    "a\u0000b",
    "a\nb",
    "half \ud800",
    "",
    7 as unknown as string,
    undefined as unknown as string,
  ])("the key %j cannot lead out of the prefix", async (Key) => {
    const input = { Bucket, Key };
    for (const command of [
      new GetObjectCommand(input),
      new PutObjectCommand({ ...input, Body: "x" }),
      new CopyObjectCommand({ ...input, CopySource: `${Bucket}/secret.txt` }),
      new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key }] } }),
    ])
      await expect(inA(() => s3.send(command as GetObjectCommand))).rejects.toEqual(
        refusal("PW_PATH_REFUSED"),
      );
    await expect(inA(() => getSignedUrl(s3, new GetObjectCommand(input)))).rejects.toEqual(
      refusal("PW_PATH_REFUSED"),
    );
  });

  test("a key that names another tenant's whole key is an own one", async () => {
    const whole = `${await prefixOfB()}secret.txt`;
    await expect(inA(() => get(whole))).rejects.toEqual(SERVERS_ERROR);
    await inA(() => put(whole, "own"));
    expect(await get(`${PREFIX_OF_A}${whole}`, plain)).toBe("own");
    expect(await get(whole, plain)).toBe("Acme's");
  });

  test("lists hold the tenant's own, in every form", async () => {
    await inA(() => put("photos/a b.jpg", "x"));
    const all = await inA(() => s3.send(new ListObjectsV2Command({ Bucket })));
    expect(all.Contents?.map(({ Key }) => Key)).toEqual([
      "photos/1.jpg",
      "photos/a b.jpg",
      "secret.txt",
    ]);
    expect(all.Prefix).toBe("");
    const folders = await inA(() => s3.send(new ListObjectsV2Command({ Bucket, Delimiter: "/" })));
    expect(folders.CommonPrefixes).toEqual([{ Prefix: "photos/" }]);
    expect(folders.Contents?.map(({ Key }) => Key)).toEqual(["secret.txt"]);
    const below = await inA(() =>
      s3.send(new ListObjectsV2Command({ Bucket, Prefix: "ph", StartAfter: "photos/1.jpg" })),
    );
    expect(below.Contents?.map(({ Key }) => Key)).toEqual(["photos/a b.jpg"]);
    expect([below.Prefix, below.StartAfter]).toEqual(["ph", "photos/1.jpg"]);
    const first = await inA(() =>
      s3.send(new ListObjectsCommand({ Bucket, MaxKeys: 1, Delimiter: "/", EncodingType: "url" })),
    );
    expect(first.CommonPrefixes).toEqual([{ Prefix: "photos/" }]);
    const next = await inA(() =>
      s3.send(new ListObjectsCommand({ Bucket, Marker: "photos/a b.jpg" })),
    );
    expect(next.Contents?.map(({ Key }) => Key)).toEqual(["secret.txt"]);
    expect(next.Marker).toBe("photos/a b.jpg");
    const encoded = await inA(() =>
      s3.send(new ListObjectsV2Command({ Bucket, Prefix: "photos/a", EncodingType: "url" })),
    );
    expect(encoded.Contents?.length).toBe(1);
  });

  test("a token of another tenant's list goes on in the own one", async () => {
    const list = (ContinuationToken?: string) =>
      s3.send(
        new ListObjectsV2Command({
          Bucket,
          MaxKeys: 1,
          ...(ContinuationToken === undefined ? {} : { ContinuationToken }),
        }),
      );
    const { NextContinuationToken } = await pw.run(B, () => list());
    expect(NextContinuationToken).toBeDefined();
    const { Contents = [] } = await inA(() => list(NextContinuationToken));
    for (const { Key } of Contents) expect(await inA(() => get(Key!))).toBe("acme's");
  });

  test("the SDK's paginators walk the own list", async () => {
    const walked: string[] = [];
    await inA(async () => {
      for await (const page of paginateListObjectsV2({ client: s3, pageSize: 1 }, { Bucket }))
        walked.push(...(page.Contents ?? []).map(({ Key }) => Key!));
    });
    expect(walked).toEqual(["photos/1.jpg", "secret.txt"]);
  });

  test("many are deleted at once, and they are the own ones", async () => {
    const { Deleted } = await inA(() =>
      s3.send(
        new DeleteObjectsCommand({
          Bucket,
          Delete: { Objects: [{ Key: "secret.txt" }, { Key: "photos/1.jpg" }] },
        }),
      ),
    );
    expect(Deleted?.map(({ Key }) => Key).toSorted()).toEqual(["photos/1.jpg", "secret.txt"]);
    expect((await keys()).filter((key) => key.startsWith(PREFIX_OF_A))).toEqual([]);
    expect(await theirs()).toEqual(["Acme's", "Acme's"]);
  });

  test("a copy is of an own object", async () => {
    const copy = (CopySource: string) =>
      inA(() => s3.send(new CopyObjectCommand({ Bucket, Key: "copy.txt", CopySource })));
    await copy(`/${Bucket}/${encodeURIComponent("photos/1.jpg")}`);
    expect(await inA(() => get("copy.txt"))).toBe("acme's");
    await expect(copy(`${Bucket}/${await prefixOfB()}secret.txt`)).rejects.toEqual(SERVERS_ERROR);
    for (const source of [
      `${Bucket}/..%2Fsecret.txt`,
      `${Bucket}/../x/secret.txt`,
      `${Bucket}/%`,
      Bucket,
      `arn:aws:s3:us-east-1:1:accesspoint/x/object/secret.txt`,
      `${Bucket}/secret.txt?versionId=1&x=/other`,
    ])
      await expect(copy(source)).rejects.toEqual(refusal("PW_PATH_REFUSED"));
  });

  test("an upload in parts stays with its tenant, by lib-storage and by hand", async () => {
    const body = Buffer.alloc(6 * 1024 * 1024, "x");
    const done = await inA(() =>
      new Upload({
        client: s3,
        params: { Bucket, Key: "big", Body: Readable.from([body]) },
      }).done(),
    );
    expect(done.Key).toBe("big");
    const { ContentLength } = await plain.send(
      new HeadObjectCommand({ Bucket, Key: `${PREFIX_OF_A}big` }),
    );
    expect(ContentLength).toBe(body.length);

    const { UploadId, Key } = await pw.run(B, () =>
      s3.send(new CreateMultipartUploadCommand({ Bucket, Key: "started" })),
    );
    expect(Key).toBe("started");
    const part = { Bucket, Key: "started", UploadId, PartNumber: 1 };
    await expect(
      inA(() => s3.send(new UploadPartCommand({ ...part, Body: "mine" }))),
    ).rejects.toEqual(SERVERS_ERROR);
    await expect(
      inA(() =>
        s3.send(new UploadPartCopyCommand({ ...part, CopySource: `${Bucket}/secret.txt` })),
      ),
    ).rejects.toEqual(SERVERS_ERROR);
    const uploads = async () =>
      (await s3.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads;
    expect((await pw.run(B, uploads))?.map((one) => one.Key)).toEqual(["started"]);
    expect((await inA(uploads)) ?? []).toEqual([]);
  });

  test("versions are the own ones", async () => {
    const kept = { Bucket: "kept-files" };
    await plain.send(new CreateBucketCommand(kept));
    const VersioningConfiguration = { Status: "Enabled" } as const;
    await plain.send(new PutBucketVersioningCommand({ ...kept, VersioningConfiguration }));
    const object = { ...kept, Key: "secret.txt" };
    for (const tenant of [A, B])
      for (const Body of ["older", "newer"])
        await pw.run(tenant, () => s3.send(new PutObjectCommand({ ...object, Body })));
    await inA(() => s3.send(new DeleteObjectCommand(object)));
    const list = () => s3.send(new ListObjectVersionsCommand({ ...kept, Prefix: "secret" }));
    const own = await inA(list);
    expect(own.Versions?.map(({ Key }) => Key)).toEqual(["secret.txt", "secret.txt"]);
    expect(own.DeleteMarkers?.map(({ Key }) => Key)).toEqual(["secret.txt"]);
    const [VersionId] = (await pw.run(B, list)).Versions!.map((one) => one.VersionId);
    await expect(
      inA(() => s3.send(new GetObjectCommand({ ...object, VersionId }))),
    ).rejects.toEqual(SERVERS_ERROR);
  });

  test("a signed address is of the own object, and of nothing else", async () => {
    const url = await inA(() =>
      getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "secret.txt" })),
    );
    expect(await (await fetch(url)).text()).toBe("acme's");
    const other = url.replace(PREFIX_OF_A, await prefixOfB());
    expect(other).not.toBe(url);
    expect((await fetch(other)).status).toBe(403);
    const upload = await inA(() =>
      getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: "up.txt" })),
    );
    expect((await fetch(upload, { method: "PUT", body: "up" })).status).toBe(200);
    expect(await get(`${PREFIX_OF_A}up.txt`, plain)).toBe("up");
    await expect(getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "x" }))).rejects.toEqual(
      refusal("PW_NO_SCOPE"),
    );
  });

  describe("a form that a browser posts", () => {
    const presignedPost = guardPresignedPost(createPresignedPost);
    const post = async (fields: Record<string, string>, url: string) => {
      const form = new FormData();
      for (const [name, value] of Object.entries(fields)) form.append(name, value);
      form.append("file", new Blob(["posted"]), "file.txt");
      return (await fetch(url, { method: "POST", body: form })).status;
    };

    test("puts the own object, and no other", async () => {
      const { url, fields } = await inA(() =>
        presignedPost(s3, {
          Bucket,
          Key: "logo.svg",
          Fields: { "Content-Type": "image/svg+xml" },
          Conditions: [
            ["content-length-range", 1, 100],
            ["starts-with", "$Content-Type", "image/"],
          ],
        }),
      );
      expect(await post(fields, url)).toBe(204);
      expect(await get(`${PREFIX_OF_A}logo.svg`, plain)).toBe("posted");
      expect(await post({ ...fields, key: `${await prefixOfB()}secret.txt` }, url)).toBe(403);
      expect(await theirs()).toEqual(["Acme's", "Acme's"]);
    });

    test.each<[string, object, string]>([
      ["a key left to the browser", { Key: "up/${filename}" }, "PW_PATH_REFUSED"],
      ["a key that leaves", { Key: "../x" }, "PW_PATH_REFUSED"],
      ["a field named key", { Fields: { key: "x" } }, "PW_STATEMENT_REFUSED"],
      ["a field named bucket", { Fields: { Bucket: "x" } }, "PW_STATEMENT_REFUSED"],
      [
        "a condition on the key",
        { Conditions: [["starts-with", "$key", ""]] },
        "PW_STATEMENT_REFUSED",
      ],
      ["a condition on the bucket", { Conditions: [{ bucket: "x" }] }, "PW_STATEMENT_REFUSED"],
    ])("is refused for %s", async (_what, options, code) => {
      await expect(
        inA(() => presignedPost(s3, { Bucket, Key: "logo.svg", ...options })),
      ).rejects.toEqual(refusal(code));
    });

    test("is refused without a tenant, and for a client without a guard", async () => {
      const options = { Bucket, Key: "logo.svg" };
      await expect(presignedPost(s3, options)).rejects.toEqual(refusal("PW_NO_SCOPE"));
      await expect(inA(() => presignedPost(plain, options))).rejects.toEqual(refusal("PW_CONFIG"));
    });
  });

  test("nothing but its own commands signs with the client's credentials", async () => {
    const denied = refusal("PW_STATEMENT_REFUSED");
    const options = { Bucket, Key: `${await prefixOfB()}secret.txt` };
    await expect(inA(() => createPresignedPost(s3, options))).rejects.toEqual(denied);
    await expect(inA(async () => s3.config.credentials())).rejects.toEqual(denied);
    const presigner = new S3RequestPresigner({ ...s3.config });
    const request = await inA(async () => {
      let seen: unknown;
      const peeking = new GetObjectCommand({ Bucket, Key: "secret.txt" });
      peeking.middlewareStack.add((next) => async (args) => ((seen = args.request), next(args)), {
        step: "build",
      });
      await s3.send(peeking);
      return seen;
    });
    await expect(
      inA(() => presigner.presign(request as Parameters<typeof presigner.presign>[0])),
    ).rejects.toEqual(denied);
    // What was set going while a command was under way, a listener of its stream, outlives its pass.
    let late = async (): Promise<unknown> => undefined;
    const outlived = new GetObjectCommand({ Bucket, Key: "secret.txt" });
    outlived.middlewareStack.add(
      (next) => async (args) => {
        late = AsyncResource.bind(async () => createPresignedPost(s3, options));
        return next(args);
      },
      { step: "build" },
    );
    await inA(() => s3.send(outlived));
    await expect(late()).rejects.toEqual(denied);
    expect(() => {
      (s3.config as { credentials: unknown }).credentials = server.config.credentials;
    }).toThrow(TypeError);
  });

  test.each<[string, () => unknown]>([
    ["a bucket's list", () => new ListBucketsCommand({})],
    ["a bucket's making", () => new CreateBucketCommand({ Bucket: "another" })],
    [
      "a field it does not know",
      () => new PutObjectCommand({ Bucket, Key: "x", RenameSource: "y" } as never),
    ],
    [
      "a bucket of S3 Express, whose session is for all of it",
      () => new GetObjectCommand({ Bucket: "shop--use1-az4--x-s3", Key: "x" }),
    ],
    [
      "a deletion with a field it does not know",
      () =>
        new DeleteObjectsCommand({
          Bucket,
          Delete: { Objects: [{ Key: "x", Path: "y" } as never] },
        }),
    ],
  ])("a tenant's scope is refused %s", async (_what, command) => {
    await expect(inA(() => s3.send(command() as GetObjectCommand))).rejects.toEqual(
      refusal("PW_STATEMENT_REFUSED"),
    );
  });

  test("a system scope reaches everything where the client is told so", async () => {
    const ops = guardS3(pw, new S3(server.config), { system: true });
    const all = await pw.system({ reason: "count" }, () => ops.listObjectsV2({ Bucket }));
    expect(all.KeyCount).toBe(4);
    const url = await pw.system({ reason: "look" }, () =>
      getSignedUrl(ops, new GetObjectCommand({ Bucket, Key: `${PREFIX_OF_A}secret.txt` })),
    );
    expect((await fetch(url)).status).toBe(200);
    await expect(inA(() => ops.listBuckets())).rejects.toEqual(refusal("PW_STATEMENT_REFUSED"));
    ops.destroy();
  });

  test("root stands before everything", async () => {
    const below = guardS3(pw, new S3Client(server.config), { root: "up/loads" });
    await inA(() => below.send(new PutObjectCommand({ Bucket, Key: "x", Body: "x" })));
    expect(await keys()).toContain(`up/loads/${PREFIX_OF_A}x`);
    below.destroy();
  });

  test("an answer that names another tenant's objects is not handed on", async () => {
    const faulty = guardS3(pw, new S3Client(server.config));
    faulty.middlewareStack.add(
      (next) => async (args) => {
        const result = await next(args);
        const output = result.output as unknown as { Contents?: { Key?: string }[] };
        for (const one of output.Contents ?? []) one.Key = `t-default/t-other/${one.Key}`;
        return result;
      },
      { step: "finalizeRequest" },
    );
    await expect(inA(() => faulty.send(new ListObjectsV2Command({ Bucket })))).rejects.toEqual(
      refusal("PW_GUARD_FAILED"),
    );
    faulty.destroy();
  });

  test.each<[string, () => unknown]>([
    ["guarded already", () => guardS3(pw, s3)],
    [
      "no client of S3",
      () => guardS3(pw, { config: {}, middlewareStack: {}, send: () => undefined }),
    ],
    [
      "with an address for a bucket",
      () => guardS3(pw, new S3Client({ ...server.config, bucketEndpoint: true })),
    ],
    [
      "with a root that has dots",
      () => guardS3(pw, new S3Client(server.config), { root: "a/../b" }),
    ],
    [
      "with an unknown option",
      () => guardS3(pw, new S3Client(server.config), { prefix: "x" } as never),
    ],
    [
      "with a system that is no boolean",
      () => guardS3(pw, new S3Client(server.config), { system: "yes" } as never),
    ],
  ])("a client is refused that is %s", (_what, make) => {
    expect(make).toThrow(refusal("PW_CONFIG"));
  });
});
