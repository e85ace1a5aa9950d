import type { MongoDocument } from "../driver.js";

/** What a server answers piece by piece. */
export interface AuditCursor extends AsyncIterable<MongoDocument> {
  close(): Promise<unknown>;
  toArray(): Promise<MongoDocument[]>;
}

export interface AuditCollection {
  find(filter: MongoDocument, options: MongoDocument): AuditCursor;
  aggregate(pipeline: MongoDocument[], options: MongoDocument): AuditCursor;
  listIndexes(): AuditCursor;
}

export interface AuditDatabase {
  readonly databaseName: string;
  command(command: MongoDocument): Promise<MongoDocument>;
  listCollections(): AuditCursor;
  aggregate(pipeline: MongoDocument[]): AuditCursor;
  collection(name: string): AuditCollection;
}

/** A client without a guard, by what the audit calls: it has to see what the guard hides. */
export interface AuditClient {
  readonly options: {
    readonly dbName: string;
    readonly hosts: readonly { readonly host?: string; readonly socketPath?: string }[];
    readonly tls: boolean;
  };
  db(name?: string): AuditDatabase;
}
