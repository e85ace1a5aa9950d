import type { AddressInfo } from "node:net";
import fastify from "fastify";
import type * as entrance from "partywall/frameworks/fastify";
import type { Framework } from "./site.js";

type ById = { Params: { id: string } };

export const framework: Framework = {
  name: "Fastify",
  listen: async (site) => {
    const app = fastify();
    if (site.way === "by hand") {
      app.decorateRequest("tenant", "");
      app.addHook("onRequest", (request, reply, done) => {
        const tenant = site.admit(request.headers.host, request.headers["x-user"]);
        if (tenant === undefined) {
          reply.code(404).send();
          return;
        }
        request.setDecorator("tenant", tenant);
        site.around(tenant, done);
      });
      app.get<ById>("/items/:id", (request) =>
        site.read(request.getDecorator("tenant"), Number(request.params.id)),
      );
    } else {
      const { tenancy } = (await import(`${site.folder}/frameworks/fastify.js`)) as typeof entrance;
      app.register(
        tenancy(site.pw, {
          ...site.options,
          principal: ({ raw }) => site.options.principal(raw),
        }),
      );
      app.get<ById>("/items/:id", (request) => site.read(Number(request.params.id)));
    }
    await app.listen({ host: "127.0.0.1", port: 0 });
    return (app.server.address() as AddressInfo).port;
  },
};
