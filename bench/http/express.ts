import { once } from "node:events";
import type { AddressInfo } from "node:net";
import express from "express";
import type * as entrance from "partywall/frameworks/express";
import type { Framework } from "./site.js";

export const framework: Framework = {
  name: "Express",
  listen: async (site) => {
    const app = express();
    if (site.way === "by hand") {
      app.use((req, res, next) => {
        const tenant = site.admit(req.headers.host, req.headers["x-user"]);
        if (tenant === undefined) {
          res.status(404).end();
          return;
        }
        res.locals["tenant"] = tenant;
        site.around(tenant, next);
      });
      app.get("/items/:id", async (req, res) => {
        res.json(await site.read(res.locals["tenant"], Number(req.params.id)));
      });
    } else {
      const { tenancy } = (await import(`${site.folder}/frameworks/express.js`)) as typeof entrance;
      app.use(tenancy(site.pw, site.options));
      app.get("/items/:id", async (req, res) => {
        res.json(await site.read(Number(req.params.id)));
      });
    }
    const server = app.listen(0, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  },
};
