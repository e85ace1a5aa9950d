import { chain } from "../../resolvers/chain.js";
import type { Resolver } from "../../resolvers/resolver.js";
import { outsiderProblem } from "../problem.js";
import type { Engine, Server } from "./internals.js";
import { resolverRequest, socketRequest } from "./request.js";

/**
 * Refuses HTTP requests that go on with a connection and name another tenant than the one that began it: whoever has the id
 * of another's connection does not get in with it through a door of its own.
 */
export function keepTheDoor(io: Server, resolve: Resolver | readonly Resolver[]): void {
  const resolvers = chain([resolve].flat());
  const namesIn = async (request: Parameters<typeof socketRequest>[0]) =>
    (await resolvers.resolve(resolverRequest(socketRequest(request, {}, "/")))).map(
      ({ by, value }) => `${by}:${value}`,
    );

  const keep = (engine: Engine) =>
    engine.use((req, res, next) => {
      const begun = engine.clients[req._query?.sid ?? ""]?.request;
      if (begun === undefined) return next();
      Promise.all([namesIn(begun), namesIn(req)])
        .then(([first, now]) => now.every((name) => first.includes(name)))
        // A door that cannot be read is not the same.
        .catch(() => false)
        .then((same) => {
          if (same) return next();
          const { status, headers, body } = outsiderProblem("PW_TENANT_AMBIGUOUS", 2);
          res.writeHead(status, headers);
          res.end(JSON.stringify(body));
        })
        .catch(next);
    });

  if (io.engine !== undefined) keep(io.engine);
  const bind = io.bind.bind(io);
  io.bind = (engine) => {
    keep(engine);
    return bind(engine);
  };
}
