import { PartywallError } from "../../errors.js";
import { scopeCommand } from "./command/scope-command.js";
import type { OpenCursors } from "./cursors.js";
import { databaseOf, isHome, withNamespaces, type DatabaseNames } from "./databases.js";
import { withoutSequences, withSequences } from "./document-sequences.js";
import type { CommandOptions, ConnectionClass, MongoDocument, MongoInternals } from "./driver.js";
import { bypassed, expelled, foreignCursor, moved, passable } from "./refusals.js";
import type { Running } from "./running.js";
import { serverVersion } from "./server-version.js";
import type { TicketOffice } from "./ticket-office.js";
import type { Ticket } from "./ticket.js";
import type { Views } from "./views.js";

/** What the guarded connections of one guard have in common. */
export interface ConnectionRules {
  readonly office: TicketOffice;
  readonly cursors: OpenCursors;
  readonly running: Running;
  readonly views: Views;
  readonly databases: DatabaseNames;
  readonly field: string;
  readonly isShared: (collection: string) => boolean;
}

// What the driver says on a connection by itself, in no session. Whatever an application has sent is in one.
const OWN = new Set([
  "hello",
  "ismaster",
  "isMaster",
  "saslStart",
  "saslContinue",
  "authenticate",
  "ping",
  "endSessions",
]);

// What ends something that a tenant began; still sent when it is shut out.
const ENDING = new Set(["killCursors", "abortTransaction"]);

// What may make a view, or put one where a collection was.
const MAKES_VIEWS = ["create", "collMod", "drop", "dropDatabase", "renameCollection"];

/** The class of the connections of one client: each command is scoped by its ticket where the message is made, or refused. */
export function guardedConnectionClass(
  internals: MongoInternals,
  client: string,
  rules: ConnectionRules,
): ConnectionClass {
  const { office, cursors, running, views, databases } = rules;

  function ticketOf(command: MongoDocument, { session }: CommandOptions): Ticket | undefined {
    const [name = ""] = Object.keys(command);
    if (session === undefined || session === null) {
      if (OWN.has(name)) return undefined;
      throw office.refuse(bypassed(`The command ${name} has no session to tell whose it is`));
    }
    const ticket = office.ticketOf(session);
    if (ticket === undefined) {
      throw office.refuse(bypassed("A command was sent in a session that the guard does not know"));
    }
    return ticket;
  }

  function assertMaySend(ticket: Ticket, command: MongoDocument, options: CommandOptions): void {
    if (ticket.client !== client) {
      throw bypassed("A command reached a connection of another login or server than its scope's");
    }
    if (options.exhaustAllowed === true) {
      throw new PartywallError(
        "PW_STATEMENT_REFUSED",
        "A command asks for answers without end (exhaust), which the guard does not follow, so nothing was sent. Leave the option out.",
      );
    }
    const { tenantId } = ticket;
    const [name = ""] = Object.keys(command);
    if (tenantId === undefined || ENDING.has(name)) return;
    if (running.isExpelled(tenantId)) throw expelled();
    if (running.hasMoved(tenantId, ticket.place)) throw moved();
  }

  return class GuardedConnection extends internals.Connection {
    override prepareCommand(
      database: string,
      command: MongoDocument,
      options: CommandOptions,
    ): unknown {
      const ticket = ticketOf(command, options);
      if (ticket === undefined) return super.prepareCommand(database, command, options);
      try {
        const sent = this.#scoped(ticket, database, command, options);
        return super.prepareCommand(sent.database, sent.command, options);
      } catch (error) {
        if (error instanceof PartywallError) throw office.refuse(error, ticket.tenantId);
        throw error;
      }
    }

    #scoped(ticket: Ticket, named: string, command: MongoDocument, options: CommandOptions) {
      if (office.proofs.note(command)) return { database: named, command };
      if (ticket.kind === "proof") throw bypassed("A command was sent in place of a proof");
      if (ticket.kind === "views") {
        if ("listCollections" in command || "getMore" in command)
          return { database: named, command };
        throw bypassed("A command was sent in place of a question for views");
      }
      assertMaySend(ticket, command, options);
      const database = databaseOf(ticket, named, databases);
      const plain = withoutSequences(internals, command);
      const scoped = scopeCommand(withNamespaces(ticket, plain.command, databases), {
        kind: ticket.kind,
        database,
        field: rules.field,
        tenant: ticket.value,
        strategy: ticket.database === undefined ? "row" : "database",
        isShared: rules.isShared,
        isView: (name) => views.isRefused(client, database, name),
        isHome: (name) => isHome(ticket, name, databases),
        ...serverVersion(this.hello),
      });
      if (!cursors.mayName(ticket, this.address, scoped)) throw foreignCursor();
      return { database, command: withSequences(internals, scoped, plain.fields, options) };
    }

    override async command(
      namespace: unknown,
      command: MongoDocument,
      options: CommandOptions = {},
      responseType?: unknown,
    ): Promise<unknown> {
      const { session } = options;
      const ticket = session && office.ticketOf(session);
      if (ticket === undefined) return super.command(namespace, command, options, responseType);
      running.began(ticket.tenantId, this);
      try {
        const answer = await super.command(namespace, command, options, responseType);
        cursors.answered(ticket, this.address, command, answer);
        return answer;
      } finally {
        running.ended(ticket.tenantId, this);
        if (ticket.kind === "system" && MAKES_VIEWS.some((name) => name in command)) views.forget();
      }
    }

    override exhaustCommand(): void {
      throw passable(bypassed("A stream of answers was asked for on a guarded connection"));
    }
  };
}
