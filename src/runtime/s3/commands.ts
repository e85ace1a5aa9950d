/** How the fields of a command that name objects are kept to the tenant's. */
export type Naming = "key" | "beginning" | "marker" | "source" | "objects";

const object = { Key: "key" } as const;
const copy = { Key: "key", CopySource: "source" } as const;

/**
 * The commands of S3 that name objects, and the fields they name them in. A command that is not here concerns the whole bucket or
 * account, or is not known, and is refused in a tenant's scope.
 */
export const COMMANDS: ReadonlyMap<string, Readonly<Record<string, Naming>>> = new Map<
  string,
  Readonly<Record<string, Naming>>
>([
  ["AbortMultipartUpload", object],
  ["CompleteMultipartUpload", object],
  ["CopyObject", copy],
  ["CreateMultipartUpload", object],
  ["DeleteObject", object],
  ["DeleteObjects", { Delete: "objects" }],
  ["DeleteObjectTagging", object],
  ["GetObject", object],
  ["GetObjectAcl", object],
  ["GetObjectAttributes", object],
  ["GetObjectLegalHold", object],
  ["GetObjectRetention", object],
  ["GetObjectTagging", object],
  ["HeadObject", object],
  ["ListMultipartUploads", { Prefix: "beginning", KeyMarker: "marker" }],
  ["ListObjects", { Prefix: "beginning", Marker: "marker" }],
  ["ListObjectsV2", { Prefix: "beginning", StartAfter: "marker" }],
  ["ListObjectVersions", { Prefix: "beginning", KeyMarker: "marker" }],
  ["ListParts", object],
  ["PutObject", object],
  ["PutObjectAcl", object],
  ["PutObjectLegalHold", object],
  ["PutObjectRetention", object],
  ["PutObjectTagging", object],
  ["SelectObjectContent", object],
  ["UploadPart", object],
  ["UploadPartCopy", copy],
]);

/** Fields of these commands that name no object; another one is refused, since it could. */
export const HARMLESS: ReadonlySet<string> = new Set(
  (
    "ACL AccessControlPolicy AnnotationDirective Body Bucket BucketKeyEnabled BypassGovernanceRetention CacheControl ChecksumAlgorithm " +
    "ChecksumCRC32 ChecksumCRC32C ChecksumCRC64NVME ChecksumMD5 ChecksumMode ChecksumSHA1 ChecksumSHA256 ChecksumSHA512 ChecksumType " +
    "ChecksumXXHASH128 ChecksumXXHASH3 ChecksumXXHASH64 ContentDisposition ContentEncoding ContentLanguage ContentLength ContentMD5 " +
    "ContentType ContinuationToken CopySourceIfMatch CopySourceIfModifiedSince CopySourceIfNoneMatch CopySourceIfUnmodifiedSince " +
    "CopySourceRange CopySourceSSECustomerAlgorithm CopySourceSSECustomerKey CopySourceSSECustomerKeyMD5 Delimiter EncodingType " +
    "ExpectedBucketOwner ExpectedSourceBucketOwner Expires Expression ExpressionType FetchOwner GrantFullControl GrantRead GrantReadACP " +
    "GrantWrite GrantWriteACP IfMatch IfMatchInitiatedTime IfMatchLastModifiedTime IfMatchSize IfModifiedSince IfNoneMatch " +
    "IfUnmodifiedSince InputSerialization LegalHold MFA MaxKeys MaxParts MaxUploads Metadata MetadataDirective MpuObjectSize " +
    "MultipartUpload ObjectAttributes ObjectLockEventHold ObjectLockEventHoldDurationDays ObjectLockEventHoldDurationYears " +
    "ObjectLockLegalHoldStatus ObjectLockMode ObjectLockRetainUntilDate OptionalObjectAttributes OutputSerialization PartNumber " +
    "PartNumberMarker Range RequestPayer RequestProgress ResponseCacheControl ResponseContentDisposition ResponseContentEncoding " +
    "ResponseContentLanguage ResponseContentType ResponseExpires Retention SSECustomerAlgorithm SSECustomerKey SSECustomerKeyMD5 " +
    "SSEKMSEncryptionContext SSEKMSKeyId ScanRange ServerSideEncryption StorageClass Tagging TaggingDirective UploadId UploadIdMarker " +
    "VersionId VersionIdMarker WebsiteRedirectLocation WriteOffsetBytes"
  ).split(" "),
);
