import { PartywallError } from "../../../errors.js";
import type { MongoDocument } from "../driver.js";
import type { AuditClient, AuditDatabase } from "./audit-client.js";
import type { Found, NotSeen } from "./check.js";
import { readCollections, type AuditedCollection } from "./collections.js";
import { readLogin, type AuditedLogin } from "./login.js";
import type { ModelSource } from "./model-source.js";
import type { ReferenceEnd } from "./reference.js";
import type { TenantValues } from "./tenant-values.js";

/** A database that is one tenant's alone. */
export interface TenantHome {
  readonly database: string;
  readonly tenantId: string;
  readonly value: unknown;
}

/** What is audited on one server. */
export interface AuditSubject {
  /** Name of the Partywall instance. */
  readonly realm: string;
  /** The field that every document of a tenant's collection carries. */
  readonly field: string;
  readonly isShared: (collection: string) => boolean;
  /** Databases whose collections tenants share. */
  readonly databases: readonly string[];
  /** Databases that are one tenant's alone, as far as the tenants are known. */
  readonly homes: readonly TenantHome[];
  /** The values that name tenants, as they are now. */
  readonly values: () => Promise<TenantValues>;
  readonly references: readonly { readonly from: ReferenceEnd; readonly to: ReferenceEnd }[];
  readonly models: readonly ModelSource[];
  /** Has a command sent over a client, and throws where it did not pass the guard. */
  readonly assertWired: (send: (command: MongoDocument) => PromiseLike<unknown>) => Promise<void>;
  readonly serialize: (document: MongoDocument) => Uint8Array;
  /** How many documents of each collection are looked at, drawn at random; every one unless told. */
  readonly sample: number | undefined;
  readonly maxTimeMs: number;
}

/** A question that was answered once is not put again. */
class Answers {
  readonly #given = new Map<string, Promise<unknown>>();

  once<T>(name: string, ask: () => Promise<T>): Promise<T> {
    const known = this.#given.get(name) ?? ask();
    this.#given.set(name, known);
    return known as Promise<T>;
  }
}

/** An audit of one server under way: its two logins, and what was asked already. */
export class Look {
  readonly app: AuditClient;
  readonly system: AuditClient;
  readonly subject: AuditSubject;
  readonly #answers = new Answers();

  constructor(app: AuditClient, system: AuditClient, subject: AuditSubject) {
    this.app = app;
    this.system = system;
    this.subject = subject;
  }

  /** The answer to a question, asked at most once. */
  once<T>(name: string, ask: () => Promise<T>): Promise<T> {
    return this.#answers.once(name, ask);
  }

  database(name: string): AuditDatabase {
    return this.system.db(name);
  }

  /** What the server says of itself. */
  build(): Promise<MongoDocument> {
    return this.once("buildInfo", () => this.database("admin").command({ buildInfo: 1 }));
  }

  /** Whether it is MongoDB itself, rather than another server that speaks its protocol. */
  async isMongod(): Promise<boolean> {
    const { gitVersion, ferretdbVersion } = await this.build();
    return ferretdbVersion === undefined && /^[0-9a-f]{40}$/.test(String(gitVersion));
  }

  /** The collections that tenants share by row. */
  async shared(): Promise<readonly AuditedCollection[]> {
    return this.collectionsOf(this.subject.databases);
  }

  /** The collections of databases, without those of nobody and the server's own. */
  async collectionsOf(databases: readonly string[]): Promise<readonly AuditedCollection[]> {
    const found: AuditedCollection[] = [];
    for (const name of databases) {
      found.push(
        ...(await this.once(`collections of ${name}`, () => readCollections(this.database(name)))),
      );
    }
    return found.filter(({ name }) => !this.subject.isShared(name));
  }

  /** Who the application, or the system scope, is to the server. */
  login(of: "app" | "system"): Promise<AuditedLogin> {
    return this.once(`login of ${of}`, () => readLogin(this[of]));
  }

  /** Whether the server runs JavaScript that its clients send. */
  async runsJavaScript(): Promise<boolean> {
    const { javascriptEngine } = await this.build();
    if (typeof javascriptEngine !== "string" || javascriptEngine === "none") return false;
    const { parsed } = await this.once("options", () =>
      this.database("admin").command({ getCmdLineOpts: 1 }),
    );
    const { security } = Object(parsed) as { readonly security?: unknown };
    return Reflect.get(Object(security) as object, "javascriptEnabled") !== false;
  }

  values(): Promise<TenantValues> {
    return this.once("values", this.subject.values);
  }
}

/** What a question finds, or that the server would not answer it. What is no answer of a server is thrown. */
export async function asked(
  object: string,
  question: () => Promise<readonly (Found | NotSeen)[]>,
): Promise<readonly (Found | NotSeen)[]> {
  try {
    return await question();
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === undefined) throw error;
    return [{ object, unseen: refusal }];
  }
}

// Its text is not told, which may hold values.
function refusalOf(error: unknown): string | undefined {
  if (error instanceof PartywallError) return undefined;
  const { codeName, code, errorResponse } = Object(error) as Record<string, unknown>;
  if (errorResponse === undefined) return undefined;
  if (code === 50) return "it took longer than maxTimeMs";
  return `the server answered ${typeof codeName === "string" ? codeName : `error ${String(code)}`}`;
}
