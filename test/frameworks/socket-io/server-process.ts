// One server of a cluster: a process of its own, its adapter over Redis, and a parent that says what to do in which scope.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdapter } from "@socket.io/redis-adapter";
import { Redis } from "ioredis";
import { createPartywall } from "partywall";
import { handshakeAuth, tenancy } from "partywall/frameworks/socket-io";
import { Server } from "socket.io";

const [redisPort = ""] = process.argv.slice(2);
const pw = createPartywall();
for (const slug of ["acme", "globex"])
  await pw.tenants.create({ id: `t-${slug}`, slug, name: slug });

const pub = new Redis(Number(redisPort), "127.0.0.1");
const http = createServer();
const io = new Server(http, { adapter: createAdapter(pub, pub.duplicate()) });
const errors: string[] = [];
const live = tenancy(pw, io, {
  resolve: handshakeAuth("tenant"),
  principal: (req) => String(req.auth["user"]),
  authorize: () => true,
  onError: (error) => errors.push((error as { code?: string }).code ?? String(error)),
});
const heard: string[] = [];
const where = () => pw.tryCurrent()?.slug ?? pw.scope()?.kind ?? "nowhere";
io.on("connection", async (socket) => {
  await socket.join("news");
});
io.on("between", (text: string, answer?: (said: string) => void) => {
  heard.push(`${text} ${where()}`);
  answer?.(`${where()} heard`);
});
io.of(/^\/dynamic-/);

/** What the parent may ask for. */
const deeds = {
  emit: (room: string | null, event: string) => {
    if (room === null) io.emit(event);
    else io.to(room).emit(event);
  },
  ask: async (event: string) => (await io.timeout(15_000).emitWithAck(event)) as string[],
  fetch: async () =>
    (await io.fetchSockets()).map(({ handshake, rooms }) => ({
      user: (handshake.auth as { user: string }).user,
      named: rooms.has("news"),
      rooms: rooms.size,
    })),
  join: (room: string) => io.socketsJoin(room),
  leave: (room: string) => io.socketsLeave(room),
  disconnect: (room: string) => io.in(room).disconnectSockets(true),
  between: (text: string) => void io.serverSideEmit("between", text),
  askBetween: async (text: string) => {
    const said = (await io.serverSideEmitWithAck("between", text)) as string[];
    return [...said, where()];
  },
  evict: (whose: { tenant?: string; principal?: string }) => live.evict(whose),
  told: () => ({ heard: heard.splice(0), errors: errors.splice(0) }),
};

process.on("message", ({ id, scope, deed, args }: Order) => {
  const act = () => (deeds[deed] as (...given: unknown[]) => unknown)(...args);
  const enter = async () => {
    if (scope === "none") return act();
    if (scope === "system") return pw.system({ reason: "a test" }, act);
    if (scope === "central") return pw.central(act);
    return pw.run({ slug: scope }, act);
  };
  enter().then(
    (value) => process.send?.({ id, value: value ?? null }),
    (error: unknown) =>
      process.send?.({ id, error: (error as { code?: string }).code ?? String(error) }),
  );
});

http.listen(0, "127.0.0.1", () => {
  process.send?.({ port: (http.address() as AddressInfo).port });
});

/** What the parent sends. */
export interface Order {
  readonly id: number;
  readonly scope: string;
  readonly deed: keyof typeof deeds;
  readonly args: readonly unknown[];
}
