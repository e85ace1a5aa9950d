/** A Query or Aggregate of Mongoose, by the methods that build and run it. */
export interface MongooseBuilder {
  exec(...args: unknown[]): Promise<unknown>;
  cursor(...args: unknown[]): unknown;
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
  readonly Query: { readonly prototype: MongooseBuilder & { collection?: unknown } };
  readonly Aggregate: {
    readonly prototype: MongooseBuilder & { append?: unknown; model?: unknown };
  };
  plugin(fn: (schema: MongooseSchema) => void): unknown;
}
