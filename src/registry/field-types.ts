import type { DeepReadonly } from "../scope/deep-readonly.js";
import type { StandardSchemaV1 } from "./standard-schema.js";

/** Fields of a tenant without a schema. */
export type UntypedFields = Readonly<Record<string, unknown>>;

/** Type of `tenant.fields` that a schema gives: its output, read-only. */
export type FieldsOf<Schema> =
  Schema extends StandardSchemaV1<infer _Input, infer Output>
    ? DeepReadonly<Output>
    : UntypedFields;

/** Type of the fields that a schema accepts. */
export type FieldsInputOf<Schema> =
  Schema extends StandardSchemaV1<infer Input, infer _Output> ? Input : UntypedFields;
