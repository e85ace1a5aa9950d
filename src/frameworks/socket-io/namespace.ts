import { PartywallError } from "../../errors.js";
import type { Gate } from "../gate.js";
import { outside } from "../../scope/outside.js";
import { calling, LiveConnection } from "../live/connection.js";
import type { LiveConnections } from "../live/connections.js";
import type { LiveHost, LiveSettings } from "../live/options.js";
import { outsiderProblem } from "../problem.js";
import type { Problem } from "../problem.js";
import { confinedAdapter, enrol, IN_SCOPE } from "./adapter.js";
import type { Confinement } from "./adapter.js";
import { CONNECT_ERROR } from "./internals.js";
import type { Adapter, Client, Namespace, Socket } from "./internals.js";
import { resolverRequest, socketRequest } from "./request.js";
import type { SocketIoRequest } from "./request.js";
import { confineSocket } from "./socket.js";
import { ScopedSockets } from "./sockets.js";

/** What all namespaces of a server share. */
export interface Wiring<F> {
  readonly host: LiveHost<F>;
  readonly entrance: Gate<SocketIoRequest>;
  readonly settings: LiveSettings<SocketIoRequest>;
  readonly connections: LiveConnections;
  /** The tenant of each client, whose sockets in other namespaces are that tenant's too. */
  readonly tenantOf: WeakMap<Client, string>;
}

/** Puts a namespace behind the boundary; returns its adapter as it is by itself. */
export function wireNamespace<F>(nsp: Namespace, wiring: Wiring<F>): () => Adapter {
  const { host, settings } = wiring;
  const confinement = { host, keyOf: settings.keyOf, owners: new Map<string, string>() };
  const inner = confineAdapter(nsp, confinement);
  nsp.sockets = new ScopedSockets(host, confinement.owners);
  const connectionOf = new WeakMap<Socket, LiveConnection>();
  const add = nsp._add.bind(nsp);
  const createSocket = nsp._createSocket.bind(nsp);
  const doConnect = nsp._doConnect.bind(nsp);

  nsp._add = (client, auth, done) =>
    admit(wiring, nsp, { client, auth }, () => add(client, auth, done));

  // In the scope that the gate has opened, and before what the application does with the socket.
  nsp._createSocket = async (client, auth) => {
    const socket = await createSocket(client, auth);
    const req = socketRequest(client.request, auth, nsp.name);
    const connection = new LiveConnection({
      host,
      settings,
      pass: (inside) => wiring.entrance.pass(resolverRequest(req), req, inside),
      onError: (error) => settings.onError(error, req),
      close: () => void socket.disconnect(true),
    });
    connectionOf.set(socket, connection);
    enrol(inner(), confinement, {
      id: socket.id,
      tenantId: connection.tenantId,
      actor: connection.actor,
    });
    confineSocket(socket, connection, host);
    return socket;
  };

  // The application's middleware may go on in whatever scope it likes.
  nsp._doConnect = (socket, done) => {
    const connection = connectionOf.get(socket);
    if (connection === undefined)
      throw new PartywallError("PW_CONFIG", "A socket was connected that passed no gate.");
    const cleanup = socket._cleanup.bind(socket);
    socket._cleanup = () => {
      connection.ended();
      wiring.connections.delete(connection);
      cleanup();
    };
    connection.inScope(() => {
      doConnect(socket, done);
      wiring.connections.add(connection);
    });
  };

  const heard = nsp._onServerSideEmit.bind(nsp);
  nsp._onServerSideEmit = ([mark, tenantId, ...args]) => {
    const tell = (error: unknown) =>
      settings.onError(error, socketRequest({ headers: {} }, {}, nsp.name));
    if (mark !== IN_SCOPE || (typeof tenantId !== "string" && tenantId !== null))
      return tell(
        new PartywallError(
          "PW_CONFIG",
          "Something came from another Socket.IO server that is not behind tenancy(), so nobody was told. Wire every server of the cluster.",
        ),
      );
    const hear = calling(() => heard(args));
    outside(() =>
      tenantId === null ? host.central(hear) : host.run({ id: tenantId }, hear),
    ).catch(tell);
  };
  return inner;
}

// The property and not its value, or io.adapter() called later would put a bare one in its place.
function confineAdapter(nsp: Namespace, confinement: Confinement): () => Adapter {
  let inner = nsp.adapter;
  let confined = confinedAdapter(inner, confinement);
  Object.defineProperty(nsp, "adapter", {
    enumerable: true,
    get: () => confined,
    set: (next: Adapter) => {
      inner = next;
      confined = confinedAdapter(next, confinement);
    },
  });
  return () => inner;
}

async function admit<F>(
  { host, entrance, settings, tenantOf }: Wiring<F>,
  nsp: Namespace,
  { client, auth }: { readonly client: Client; readonly auth: object },
  open: () => Promise<void>,
): Promise<void> {
  const req = socketRequest(client.request, auth, nsp.name);
  try {
    const passage = await outside(() =>
      entrance.pass(resolverRequest(req), req, async () => {
        const scope = host.scope();
        const tenantId = scope?.kind === "tenant" ? scope.tenant.id : "";
        const known = tenantOf.get(client);
        if (known !== undefined && known !== tenantId)
          return outsiderProblem("PW_TENANT_AMBIGUOUS", 2);
        tenantOf.set(client, tenantId);
        if (client.conn.readyState === "open") await open();
        return undefined;
      }),
    );
    const problem = "problem" in passage ? passage.problem : passage.value;
    if (problem !== undefined) refuse(client, nsp, problem);
  } catch (error) {
    refuse(client, nsp, undefined);
    settings.onError(error, req);
  }
}

// In the form in which Socket.IO tells of an error of a middleware.
function refuse(client: Client, nsp: Namespace, problem: Problem | undefined): void {
  const message = problem?.body.detail ?? "The connection could not be decided upon.";
  const told = { message, ...(problem === undefined ? {} : { data: problem.body }) };
  client._packet({
    type: CONNECT_ERROR,
    nsp: nsp.name,
    data: client.conn.protocol === 3 ? message : told,
  });
}
