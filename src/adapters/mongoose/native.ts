/** A Query or Aggregate of Mongoose. */
export interface MongooseBuilder {
  /** Of a query: its model; of an aggregation: a method. */
  readonly model?: unknown;
  readonly _model?: { readonly base?: object } | null;
  readonly _connection?: { readonly base?: object } | null;
}

/** A document of Mongoose's, by what the adapter calls. */
export interface MongooseDocument {
  readonly $isSubdocument?: boolean;
  get(path: string): unknown;
  set(path: string, value: unknown, options: { readonly strict: false }): unknown;
  unmarkModified(path: string): void;
}

export interface MongooseSchema {
  post(hook: "save", fn: (document: MongooseDocument) => void): unknown;
  post(hook: "insertMany", fn: (documents: unknown) => void): unknown;
}

/** Mongoose, by what the adapter calls. */
export interface MongooseInternals {
  readonly Query: { readonly prototype: object };
  readonly Aggregate: { readonly prototype: object };
  readonly Collection: { readonly prototype: object };
  plugin(fn: (schema: MongooseSchema) => void): unknown;
}

/** A model of Mongoose's, by what a bound model is made of. */
export interface MongooseModel {
  // oxlint-disable-next-line typescript/no-explicit-any -- a class that is extended has to take any arguments
  new (...args: any[]): object;
  readonly prototype: object;
  readonly modelName: string;
  readonly base: object;
  readonly db: object;
  readonly collection: object;
  readonly discriminators?: Readonly<Record<string, MongooseModel>> | undefined;
  readonly discriminator: unknown;
}
