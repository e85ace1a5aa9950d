import type { AuditedModel, ModelConnection } from "../../guards/mongodb/index.js";
import { referencesOf } from "./references.js";

/** A path of a schema, by what is read of it. */
export interface DescribedType {
  readonly instance: string;
  readonly options?: { readonly ref?: unknown; readonly refPath?: unknown };
  readonly schema?: DescribedSchema;
  /** What a list holds; in Mongoose 8, and in 9. */
  readonly caster?: DescribedType;
  readonly embeddedSchemaType?: DescribedType;
}

export interface DescribedSchema {
  readonly options: Readonly<Record<string, unknown>>;
  readonly virtuals: Readonly<Record<string, { readonly options?: DescribedVirtual }>>;
  readonly discriminators?: Readonly<Record<string, DescribedSchema>>;
  eachPath(fn: (path: string, type: DescribedType) => void): unknown;
  path(name: string): DescribedType | undefined;
  indexes(): readonly unknown[];
}

export interface DescribedVirtual {
  readonly ref?: unknown;
  readonly localField?: unknown;
  readonly foreignField?: unknown;
}

export interface DescribedModel {
  readonly modelName: string;
  readonly collection: { readonly collectionName: string };
  readonly schema: DescribedSchema;
}

export interface DescribedConnection {
  readonly id?: number;
  readonly name?: string;
  readonly readyState: number;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly db?: { command(command: object): PromiseLike<unknown> };
  readonly models: Readonly<Record<string, DescribedModel>>;
  readonly otherDbs?: readonly DescribedConnection[];
}

/** Mongoose, by what is described of it. */
export interface DescribedMongoose {
  readonly connections: readonly DescribedConnection[];
  readonly options?: Readonly<Record<string, unknown>>;
}

const CONNECTED = 1;

/** The connections of a Mongoose instance, those of `useDb()` among them. */
export function connectionsOf(mongoose: DescribedMongoose): ModelConnection[] {
  const all = new Set<DescribedConnection>(mongoose.connections);
  // A set that grows is gone through to its end.
  for (const { otherDbs = [] } of all) for (const other of otherDbs) all.add(other);
  return [...all].map((connection, at) => {
    const { db, readyState } = connection;
    const models = Object.values(connection.models);
    return {
      name: `Mongoose connection ${connection.id ?? at}${connection.name ? ` to ${connection.name}` : ""}`,
      send:
        readyState === CONNECTED && db !== undefined ? (command) => db.command(command) : undefined,
      models: models.map((model) => describe(model, [connection.config, mongoose.options])),
      references: referencesOf(models),
    };
  });
}

function describe(
  { modelName, collection, schema }: DescribedModel,
  further: readonly (Readonly<Record<string, unknown>> | undefined)[],
): AuditedModel {
  // Of the schema, the connection and the instance the first that says so decides; it is on where none does.
  const isOn = (option: string): boolean =>
    [schema.options, ...further]
      .map((one) => one?.[option])
      .find((one) => one !== undefined && one !== null) !== false;
  return {
    name: modelName,
    collection: collection.collectionName,
    buildsByItself: isOn("autoCreate") || (isOn("autoIndex") && schema.indexes().length > 0),
    typeOf: (field) => {
      const instance = schema.path(field)?.instance;
      return instance === undefined || instance === "Mixed"
        ? undefined
        : (BSON[instance] ?? instance);
    },
  };
}

// BSON's name of what Mongoose stores for a type of its own.
const BSON: Readonly<Record<string, string>> = {
  String: "string",
  ObjectId: "objectId",
  Number: "number",
  Int32: "number",
  Double: "number",
  Decimal128: "number",
  BigInt: "number",
  UUID: "binData",
  Buffer: "binData",
};
