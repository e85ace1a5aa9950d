import { PartywallError } from "../../errors.js";
import type { LiveHost, LiveOptions } from "../live/options.js";
import type { NodeRequest } from "../node-request.js";
import { tenancy } from "../ws.js";
import type { LiveWs, UpgradeSocket, WsServer } from "../ws.js";

/**
 * Puts the server of a gateway behind the boundary where Nest hands it upgrades. Throws `PW_CONFIG` for one that accepts
 * connections by itself, and for what is no server of ws.
 */
export function upgradesOf<Principal, Fields>(
  host: LiveHost<Fields>,
  wss: WsServer,
  options: LiveOptions<NodeRequest, Principal, Fields>,
): LiveWs {
  if (typeof wss.handleUpgrade !== "function" || typeof wss.options !== "object")
    throw new PartywallError(
      "PW_CONFIG",
      "tenantAdapter() does not know what this adapter serves gateways by, so nothing could be confined. Use IoAdapter or WsAdapter.",
    );
  if ((wss.options as { noServer?: unknown }).noServer !== true)
    throw new PartywallError(
      "PW_CONFIG",
      "A gateway has a port of its own and no path, so its server accepts connections by itself. Give @WebSocketGateway() a path, or leave the port out.",
    );
  const live = tenancy(host, wss, options);
  const own = wss as unknown as { handleUpgrade: (...args: unknown[]) => void };
  const upgrade = own.handleUpgrade.bind(wss);
  const deciding = new WeakSet<object>();
  // The first call for a request is Nest's; the one that follows comes from the gate, which has let it in.
  own.handleUpgrade = (req, socket, head, ...rest) => {
    if (deciding.has(req as object)) return upgrade(req, socket, head, ...rest);
    deciding.add(req as object);
    live.handleUpgrade(req as NodeRequest, socket as UpgradeSocket, head as Uint8Array);
  };
  return live;
}
