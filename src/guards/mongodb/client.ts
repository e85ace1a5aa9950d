import { PartywallError } from "../../errors.js";
import { outside } from "../../scope/outside.js";
import { GUARD_NAME } from "./client-names.js";
import type { Clients } from "./clients.js";
import type {
  MongoClient,
  MongoDocument,
  MongoInternals,
  MongoSession,
  MongoTopology,
} from "./driver.js";
import type { Running } from "./running.js";
import { clientKey, DEFAULT_SERVER } from "./servers.js";
import type { TicketOffice } from "./ticket-office.js";
import { isOwn } from "./ticket.js";

export type GuardedClientClass = new (url: string, options?: MongoDocument) => MongoClient;

/** Stands for a connection string that is missing, told at first use and not when a build imports the module. */
export const UNCONFIGURED = "mongodb://unconfigured.invalid";

const APP = clientKey(DEFAULT_SERVER, "app");

/** The caller's `MongoClient`, whose operations are ticketed when they are issued and led to where their scope lives. */
export function guardedClientClass(
  internals: MongoInternals,
  office: TicketOffice,
  running: Running,
  clients: Clients,
): GuardedClientClass {
  const guarded = new WeakMap<MongoClient, MongoTopology>();

  return class MongoClient extends internals.MongoClient {
    readonly #unconfigured: boolean;

    constructor(url: string, options: MongoDocument = {}) {
      const connectionType = clients.connectionClass(APP);
      assertCovered(options);
      super(url, { ...options, connectionType });
      assertCovered(this.options);
      if (
        this.options["connectionType"] !== connectionType ||
        !(this.s.activeCursors instanceof Set)
      ) {
        throw new PartywallError(
          "PW_CONFIG",
          "This `mongodb` does not take the guard's connections or does not note its cursors, so guardMongo() cannot guard it. Use a version it knows (docs/guards/mongodb.md).",
        );
      }
      this.#unconfigured = url === UNCONFIGURED;
      refuseLater(this.options);
      this.appendMetadata({ name: GUARD_NAME });
      this.s.activeCursors = new BuiltCursors(office);
    }

    override async connect(): Promise<unknown> {
      // Told now, and not when a build imports the module.
      if (this.#unconfigured) clients.url(APP);
      await outside(() => super.connect());
      return this;
    }

    override startSession(options?: {
      readonly owner?: unknown;
      readonly explicit?: boolean;
    }): MongoSession {
      const session = super.startSession(options);
      office.begun(session, options?.owner);
      if (session.explicit) office.abortAnywhere(session);
      return session;
    }

    // The driver sets it when it connects, and asks it for a server for every operation.
    override get topology(): MongoTopology | undefined {
      return guarded.get(this);
    }

    override set topology(topology: MongoTopology | undefined) {
      if (topology === undefined) {
        guarded.delete(this);
        return;
      }
      guarded.set(this, topology);
      const own = topology.selectServer.bind(topology);
      topology.selectServer = async (selector, options) => {
        const session = options?.session;
        // The driver's own, to connect; what is then sent without a session is refused but for its greetings.
        if (session === undefined || session === null) return own(selector, options);
        const ticket = office.admit(session, options?.operationName);
        if (isOwn(ticket)) return own(selector, options);
        const { tenantId, client } = ticket;
        if (tenantId !== undefined && session.explicit) running.hold(tenantId, session);
        const home = client === APP;
        const select = home ? own : await selecting(clients, client);
        const through = home ? this : clients.client(client);
        // Awaited only where there is something to wait for: this is done for every operation.
        if (!clients.isProved(through)) await clients.prove(through);
        // In a tenant's own database a view joins nothing but the tenant's; a system scope may read all.
        const joins = ticket.kind !== "system" && ticket.database === undefined;
        if (joins && !clients.knowsViews(client)) await clients.knowViews(client, through);
        const server = await select(selector, options);
        clients.assertGuarded(client, server);
        return server;
      };
    }
  };
}

async function selecting(clients: Clients, key: string): Promise<MongoTopology["selectServer"]> {
  const topology = await clients.topology(key);
  return topology.selectServer.bind(topology);
}

/** The cursors of a client; each is added when it is built. */
class BuiltCursors extends Set<object> {
  readonly #office: TicketOffice;

  constructor(office: TicketOffice) {
    super();
    this.#office = office;
  }

  override add(cursor: object): this {
    this.#office.built(cursor);
    return super.add(cursor);
  }
}

const ENCRYPTION =
  "Automatic client-side encryption was asked for, whose connections the driver makes without the guard. Leave `autoEncryption` out, and encrypt with ClientEncryption what needs it.";

function assertCovered(options: MongoDocument): void {
  const { autoEncryption, autoEncrypter, loadBalanced } = options;
  if (autoEncryption !== undefined || autoEncrypter !== undefined) {
    throw new PartywallError("PW_CONFIG", ENCRYPTION);
  }
  if (loadBalanced === true) {
    throw new PartywallError(
      "PW_CONFIG",
      "`loadBalanced` was asked for, where the driver pins sessions to connections in a way the guard does not follow. Connect to the mongos servers themselves.",
    );
  }
}

function refuseLater(options: MongoDocument): void {
  Object.defineProperty(options, "autoEncrypter", {
    get: () => undefined,
    set: () => {
      throw new PartywallError("PW_CONFIG", ENCRYPTION);
    },
    enumerable: true,
  });
}
