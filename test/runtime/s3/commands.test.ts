import * as sdk from "@aws-sdk/client-s3";
import { expect, test } from "vitest";
import { COMMANDS, HARMLESS } from "../../../src/runtime/s3/commands.js";

/** What the SDK says of a structure: its name and members are at these places. */
type Structure = readonly [unknown, unknown, string, unknown, (readonly string[])?];
type Lazy = Structure | (() => Structure);

const schemas = sdk as unknown as Record<
  string,
  readonly [unknown, unknown, string, unknown, Lazy, Lazy]
>;
const members = (of: Lazy): readonly string[] => (typeof of === "function" ? of() : of)[4] ?? [];
const all = Object.keys(sdk)
  .filter((name) => name.endsWith("Command") && `${name.slice(0, -7)}$` in sdk)
  .map((name) => name.slice(0, -7));

test("knows every command of the SDK that names objects, but those that reach past a tenant's", () => {
  const names = all.filter((name) => members(schemas[`${name}$`]![4]).includes("Key"));
  // A change of either is looked at here.
  expect(names.filter((name) => !COMMANDS.has(name)).toSorted()).toEqual([
    "DeleteObjectAnnotation",
    "GetObjectAnnotation",
    "GetObjectTorrent",
    "ListObjectAnnotations",
    "PutObjectAnnotation",
    "RenameObject",
    "RestoreObject",
    "UpdateObjectEncryption",
  ]);
  expect([...COMMANDS.keys()].filter((name) => !all.includes(name))).toEqual([]);
});

test.each([...COMMANDS])("every field of %s is decided", (command, names) => {
  const fields = members(schemas[`${command}$`]![4]);
  expect(fields.filter((field) => !(field in names) && !HARMLESS.has(field))).toEqual([]);
  expect(
    Object.keys(names).filter((field) => !fields.includes(field) || HARMLESS.has(field)),
  ).toEqual([]);
});

test("no field is harmless that sounds like a name of objects", () => {
  const sounding = [...HARMLESS].filter((field) =>
    /key|prefix|source|marker|path|target/i.test(field),
  );
  expect(sounding.toSorted()).toEqual([
    // Secrets and ids of keys, conditions on the source, and places in lists of one object's parts or of versions.
    "BucketKeyEnabled",
    "CopySourceIfMatch",
    "CopySourceIfModifiedSince",
    "CopySourceIfNoneMatch",
    "CopySourceIfUnmodifiedSince",
    "CopySourceRange",
    "CopySourceSSECustomerAlgorithm",
    "CopySourceSSECustomerKey",
    "CopySourceSSECustomerKeyMD5",
    "ExpectedSourceBucketOwner",
    "MaxKeys",
    "PartNumberMarker",
    "SSECustomerKey",
    "SSECustomerKeyMD5",
    "SSEKMSKeyId",
    "UploadIdMarker",
    "VersionIdMarker",
  ]);
});
