import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import autocannon, { type Instance, type Options, type Result } from "autocannon";
import { wantedRows, type ShopSize, type Wanted } from "../support/rows.js";
import { median, type Slice } from "../support/slices.js";
import type { Server } from "./server.js";
import { requestFor } from "./site.js";

/** Requests each connection repeats, of other tenants and rows than those of the others. */
const REQUESTS = 100;

/** Loads a server for a while over connections that are kept alive, each with one request at a time. */
export async function load(
  server: Server,
  size: ShopSize,
  connections: number,
  milliseconds: number,
): Promise<Slice> {
  const next = wantedRows(size);
  const durations: number[] = [];
  let began = 0;
  let ended = 0;
  const before = await server.processorMicros();
  const result = await new Promise<Result>((resolve, reject) => {
    const options: Options = {
      url: `http://127.0.0.1:${server.port}`,
      connections,
      duration: 60,
      // It looks once in so many milliseconds whether to stop.
      sampleInt: 10,
      setupClient: (client) =>
        client.setRequests(Array.from({ length: REQUESTS }, () => ({ ...requestFor(next()) }))),
    };
    const run = autocannon(options, (error: Error | null, finished) => {
      if (error === null) resolve(finished);
      else reject(error);
    }) as Instance & { stop(): void };
    // Counted from the first answer on, when the connections are open.
    run.on("response", (_client, _status, _bytes, took) => {
      const now = performance.now();
      if (began === 0) began = now;
      else if (ended === 0) durations.push(took);
      if (ended === 0 && now - began >= milliseconds) {
        ended = now;
        run.stop();
      }
    });
  });
  const processor = (await server.processorMicros()) - before;
  const answered = result["2xx"];
  if (result.errors + result.non2xx > 0 || durations.length === 0)
    throw new Error(`${result.errors} requests failed and ${result.non2xx} were refused.`);
  return {
    perSecond: (durations.length * 1000) / (ended - began),
    p50: median(durations),
    clientMicros: processor / answered,
  };
}

/** Proves that a server answers with the rows it is asked for, and lets no stranger in: a fast wrong answer is no result. */
export async function proveServer({ port }: Server, size: ShopSize): Promise<void> {
  const next = wantedRows(size);
  for (const wanted of [next(), next(), next()]) {
    const { path, headers } = requestFor(wanted);
    const { status, body } = await get(port, path, headers);
    const row = JSON.parse(body) as { tenant_id?: unknown; id?: unknown };
    const isRight = status === 200 && row.tenant_id === wanted.tenant && row.id === wanted.id;
    const { "x-user": stranger } = requestFor(otherThan(wanted, next)).headers;
    const refused = await get(port, path, { ...headers, "x-user": stranger });
    if (isRight && refused.status === 404) continue;
    throw new Error(`Row ${wanted.id} of tenant ${wanted.tenant} was not what came back.`);
  }
}

function otherThan({ tenant }: Wanted, next: () => Wanted): Wanted {
  for (;;) {
    const wanted = next();
    if (wanted.tenant !== tenant) return wanted;
  }
}

async function get(port: number, path: string, headers: Readonly<Record<string, string>>) {
  const sent = request({ host: "127.0.0.1", port, path, headers, agent: false }).end();
  const [answer] = (await once(sent, "response")) as [IncomingMessage];
  let body = "";
  for await (const chunk of answer.setEncoding("utf8")) body += chunk;
  return { status: answer.statusCode, body };
}
