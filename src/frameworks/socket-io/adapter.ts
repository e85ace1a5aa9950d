import { PartywallError, TenantContextError } from "../../errors.js";
import { tenantOf } from "../../scope/current.js";
import { foreign } from "../live/connections.js";
import type { LiveSettings, ScopeHost } from "../live/options.js";
import type { Adapter, BroadcastOptions, Session } from "./internals.js";
import { memberRoom, namesOf, roomOf, tenantRoom } from "./rooms.js";

/** First of what is emitted to other servers: in which scope it is to be heard. */
export const IN_SCOPE = "partywall:scope";

/** What confines the adapter of one namespace. */
export interface Confinement {
  readonly host: ScopeHost;
  readonly keyOf: LiveSettings<never>["keyOf"];
  /** The tenant of each socket, by the socket's id. */
  readonly owners: Map<string, string>;
}

/** What an adapter does that is about no tenant. */
const HARMLESS: readonly PropertyKey[] = ["init", "close", "serverCount", "nsp"];

/**
 * The adapter of a namespace with every room that is named to it made the current tenant's, and every call that names none
 * kept to that tenant. All of Socket.IO goes through it, `io.emit`, `to`, `fetchSockets` and `join` alike, and what other servers
 * send comes to the adapter itself. What is not known here is for system scopes.
 */
export function confinedAdapter(inner: Adapter, confinement: Confinement): Adapter {
  const confined = confinedCalls(inner, confinement) as unknown as Record<PropertyKey, unknown>;
  return new Proxy(inner, {
    get: (target, key) => {
      if (Object.hasOwn(confined, key)) return confined[key];
      const value = Reflect.get(target, key, target) as unknown;
      if (value === undefined || typeof key === "symbol") return value;
      if (!HARMLESS.includes(key)) assertSystem(confinement.host);
      return typeof value === "function"
        ? (value as (...args: unknown[]) => unknown).bind(target)
        : value;
    },
  });
}

function confinedCalls(inner: Adapter, { host, keyOf, owners }: Confinement): Adapter {
  const confine = (options: BroadcastOptions) => confinedOptions(host, options);
  const within = <V>(map: ReadonlyMap<string, V>, own: (key: string) => string | undefined) => {
    const scope = host.scope();
    if (scope?.kind === "system") return map;
    tenantOf(scope);
    return new Map([...map].flatMap(([key, value]) => pairOf(own(key), value)));
  };
  const visible = (rooms: Iterable<string>) => namesOf(tenantOf(host.scope()).id, rooms);
  return {
    get rooms() {
      return within(inner.rooms, (room) => visible([room])[0]);
    },
    get sids() {
      const own = within(inner.sids, (id) =>
        owners.get(id) === tenantOf(host.scope()).id ? id : undefined,
      );
      if (own === inner.sids) return own;
      return new Map([...own].map(([id, rooms]) => [id, new Set(visible(rooms))]));
    },
    addAll: (id, rooms) => {
      const owner = owners.get(id) ?? adopt(id);
      assertNotForeign(owner);
      return inner.addAll(id, new Set([...rooms].map((room) => roomOf(owner, room))));
    },
    del: (id, room) => {
      const owner = owners.get(id);
      if (owner === undefined) return undefined;
      assertNotForeign(owner);
      return inner.del(id, roomOf(owner, room));
    },
    delAll: (id) => {
      owners.delete(id);
      return inner.delAll(id);
    },
    socketRooms: (id) => {
      const owner = owners.get(id);
      const rooms = inner.socketRooms(id);
      if (owner === undefined || rooms === undefined || isForeign(owner)) return undefined;
      return new Set(namesOf(owner, rooms));
    },
    sockets: (rooms) => inner.sockets(confine({ rooms }).rooms),
    broadcast: (packet, options) => inner.broadcast(packet, confine(options)),
    broadcastWithAck: (packet, options, counted, ack) =>
      inner.broadcastWithAck(packet, confine(options), host.bind(counted), host.bind(ack)),
    fetchSockets: (options) => inner.fetchSockets(confine(options)),
    addSockets: (options, rooms) => inner.addSockets(confine(options), rooms),
    delSockets: (options, rooms) => inner.delSockets(confine(options), rooms),
    disconnectSockets: (options, close) => inner.disconnectSockets(confine(options), close),
    serverSideEmit: (packet) => {
      const scope = host.scope();
      if (scope === undefined) tenantOf(scope);
      const last = packet.length - 1;
      const done = packet[last];
      const bound =
        typeof done === "function"
          ? packet.with(last, host.bind(done as (...args: unknown[]) => void))
          : packet;
      return inner.serverSideEmit([
        IN_SCOPE,
        scope?.kind === "tenant" ? scope.tenant.id : null,
        ...bound,
      ]);
    },
    serverCount: () => inner.serverCount(),
    // Under their full names, by which the adapter finds what was missed.
    persistSession: (session) =>
      inner.persistSession({ ...session, rooms: [...(inner.socketRooms(session.sid) ?? [])] }),
    restoreSession: async (pid, offset) => {
      const scope = host.scope();
      const { id } = tenantOf(scope);
      const session: Session | null = await inner.restoreSession(pid, offset);
      // The client says whose session it was, so it must be this tenant's and this principal's.
      const mine = [tenantRoom(id), ...memberRooms(id, keyOf(scope?.principal))];
      const theirs = session?.rooms.filter((room) => /^[TM]:/.test(room)) ?? [];
      if (session === null || theirs.toSorted().join() !== mine.toSorted().join()) return null;
      return { ...session, rooms: namesOf(id, session.rooms) };
    },
  };

  // A socket joins its first room in the scope in which it is made.
  function adopt(id: string): string {
    const owner = tenantOf(host.scope()).id;
    owners.set(id, owner);
    return owner;
  }

  function isForeign(owner: string): boolean {
    const scope = host.scope();
    return scope?.kind === "tenant" && scope.tenant.id !== owner;
  }

  function assertNotForeign(owner: string): void {
    if (isForeign(owner)) throw foreign("A room of another tenant's socket was to be changed");
  }
}

/** Puts a socket into the rooms that the application does not see. */
export function enrol(
  inner: Adapter,
  { owners }: Confinement,
  socket: { readonly id: string; readonly tenantId: string; readonly actor: string | undefined },
): void {
  const { id, tenantId, actor } = socket;
  owners.set(id, tenantId);
  inner.addAll(id, new Set([tenantRoom(tenantId), ...memberRooms(tenantId, actor)]));
}

function memberRooms(tenantId: string, actor: string | undefined): string[] {
  return actor === undefined ? [] : [memberRoom(tenantId, actor)];
}

function confinedOptions(host: ScopeHost, options: BroadcastOptions): BroadcastOptions {
  const { rooms, except = new Set<string>() } = options;
  const scope = host.scope();
  if (scope?.kind === "system") {
    if (rooms.size + except.size === 0) return { ...options, except };
    throw new TenantContextError(
      "PW_CENTRAL_SCOPE",
      "A room was named in a system scope, and rooms are tenants'. Name it in the tenant's scope, with pw.run() inside.",
    );
  }
  const { id } = tenantOf(scope);
  return {
    ...options,
    rooms:
      rooms.size === 0
        ? new Set([tenantRoom(id)])
        : new Set([...rooms].map((room) => roomOf(id, room))),
    except: new Set([...except].map((room) => roomOf(id, room))),
  };
}

function assertSystem(host: ScopeHost): void {
  if (host.scope()?.kind === "system") return;
  throw new PartywallError(
    "PW_STATEMENT_REFUSED",
    "The adapter of a namespace was asked for something that reaches every tenant. Ask in pw.system().",
  );
}

function pairOf<V>(key: string | undefined, value: V): [string, V][] {
  return key === undefined ? [] : [[key, value]];
}
