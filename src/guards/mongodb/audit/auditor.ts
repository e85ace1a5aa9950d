import { PartywallError } from "../../../errors.js";
import { outside } from "../../../scope/outside.js";
import type { Tenant } from "../../../scope/tenant.js";
import { AUDIT_NAME } from "../client-names.js";
import type { MongoClient, MongoDocument, MongoInternals } from "../driver.js";
import type { GuardMongoOptions } from "../options.js";
import { clientKey, DEFAULT_SERVER, type Login, type Servers } from "../servers.js";
import { auditServer, bySeverity } from "./audit.js";
import type { AuditClient } from "./audit-client.js";
import { CHECKS } from "./checks.js";
import { asked, Look, type AuditSubject } from "./look.js";
import type { ModelSource } from "./model-source.js";
import type { MongoAudit, MongoAuditOptions } from "./options.js";
import { referenceOf } from "./reference.js";
import { TenantValues, type PlacedTenant } from "./tenant-values.js";

/** The guard whose servers are audited. */
export interface AuditedGuard {
  readonly internals: MongoInternals;
  readonly options: GuardMongoOptions;
  readonly servers: Servers;
  readonly field: string;
  readonly realm: () => string;
  readonly homeOf: (client: string) => string;
  readonly assertWired: AuditSubject["assertWired"];
}

/** Audits the servers of a guard, over connections of its own, which are closed after it. */
export class Auditor {
  readonly #guard: AuditedGuard;
  readonly #models = new Set<ModelSource>();

  constructor(guard: AuditedGuard) {
    this.#guard = guard;
  }

  /** Notes an ODM that an adapter put over the guard. */
  note(source: ModelSource): void {
    this.#models.add(source);
  }

  /** Audits every server. Rejects with `PW_CONFIG` where one has no system login, and for options that cannot be. */
  async audit(options: MongoAuditOptions = {}): Promise<MongoAudit> {
    const { documents = true } = options;
    assertPositive("sample", options.sample);
    assertPositive("maxTimeMs", options.maxTimeMs);
    const checks = documents ? CHECKS : CHECKS.filter((one) => one.readsDocuments === undefined);
    const tenants = await this.#tenants(options);
    const parts = [];
    for (const server of this.#guard.servers.names()) {
      parts.push(
        await this.#open(server, async (app, system) => {
          const look = new Look(app, system, this.#subject(server, options, tenants));
          const { findings, unseen } = await auditServer(look, checks);
          const named = <T extends { readonly object: string }>(one: T): T =>
            server === DEFAULT_SERVER ? one : { ...one, object: `${server}: ${one.object}` };
          return {
            login: await loginName(look),
            findings: findings.map(named),
            unseen: unseen.map(named),
          };
        }),
      );
    }
    return {
      database: this.#guard.homeOf(clientKey(DEFAULT_SERVER, "app")),
      login: parts[0]?.login ?? "",
      findings: parts.flatMap(({ findings }) => findings).toSorted(bySeverity),
      unseen: parts.flatMap(({ unseen }) => unseen).toSorted(bySeverity),
    };
  }

  #subject(
    server: string,
    options: MongoAuditOptions,
    tenants: readonly PlacedTenant[] | undefined,
  ): AuditSubject {
    const { internals, options: ofGuard, field, homeOf, assertWired } = this.#guard;
    const shared = new Set(ofGuard.shared);
    const home = homeOf(clientKey(server, "app"));
    return {
      realm: this.#guard.realm(),
      field,
      isShared: (collection) => shared.has(collection),
      databases: [...new Set([home, ...(ofGuard.databases ?? [])])],
      homes: (tenants ?? []).flatMap(({ placement, ...tenant }) => {
        const { strategy, name, server: on = DEFAULT_SERVER } = placement;
        if (strategy !== "database" || name === undefined || on !== server) return [];
        return [{ database: name, tenantId: tenant.id, value: this.#valueOf(tenant) }];
      }),
      values: async () => this.#values(await this.#tenants(options)),
      references: (options.references ?? []).map(referenceOf),
      // Its connections are its own, and proved once.
      models: server === DEFAULT_SERVER ? [...this.#models, ...(options.models ?? [])] : [],
      assertWired,
      serialize: (document) => internals.serialize(document, {}),
      sample: options.sample,
      maxTimeMs: options.maxTimeMs ?? 60_000,
    };
  }

  async #tenants({ tenants }: MongoAuditOptions): Promise<readonly PlacedTenant[] | undefined> {
    if (tenants === undefined) return undefined;
    const all: PlacedTenant[] = [];
    for await (const tenant of tenants()) all.push(tenant);
    return all;
  }

  #values(tenants: readonly PlacedTenant[] | undefined): TenantValues {
    if (tenants !== undefined) return TenantValues.of(tenants.map((one) => this.#valueOf(one)));
    // By default it is the tenant's id.
    const types = this.#guard.options.tenantValue === undefined ? ["string"] : [];
    return new TenantValues(undefined, types);
  }

  #valueOf(tenant: Tenant): unknown {
    return (this.#guard.options.tenantValue ?? (({ id }) => id))(tenant);
  }

  async #open<T>(
    server: string,
    look: (app: AuditClient, system: AuditClient) => Promise<T>,
  ): Promise<T> {
    const clients: MongoClient[] = [];
    const open = async (login: Login): Promise<AuditClient> => {
      const { internals, options, servers } = this.#guard;
      const client = new internals.MongoClient(servers.url(clientKey(server, login)), {
        ...options.clientOptions,
        ...AS_JAVASCRIPT,
        appName: AUDIT_NAME,
        maxPoolSize: 2,
      });
      clients.push(client);
      await client.connect();
      return client as unknown as AuditClient;
    };
    return outside(async () => {
      try {
        return await look(await open("app"), await open("system"));
      } finally {
        await Promise.all(clients.map((client) => client.close()));
      }
    });
  }
}

async function loginName(look: Look): Promise<string> {
  let name = "";
  // Where the server would not tell, what could not be looked at says so.
  await asked("", async () => {
    name = (await look.login("app")).users.join(", ");
    return [];
  });
  return name;
}

// What the application has for its own documents would make others of what is read here.
const AS_JAVASCRIPT: MongoDocument = {
  raw: false,
  promoteValues: true,
  promoteLongs: true,
  useBigInt64: false,
};

function assertPositive(name: string, value: number | undefined): void {
  if (value === undefined || (Number.isSafeInteger(value) && value > 0)) return;
  throw new PartywallError(
    "PW_CONFIG",
    `The audit got a \`${name}\` that is no whole number above 0. Mend it, or leave it out.`,
  );
}
