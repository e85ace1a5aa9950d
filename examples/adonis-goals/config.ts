import { randomBytes } from "node:crypto";
import { defineConfig as bodyparser } from "@adonisjs/core/bodyparser";
import { defineConfig as encryption, drivers } from "@adonisjs/core/encryption";
import { defineConfig as http } from "@adonisjs/core/http";
import { defineConfig as logger } from "@adonisjs/core/logger";

/** What `config/*.ts` of an application holds. */
export const config = {
  app: { appUrl: "http://localhost", http: http({}) },
  bodyparser: bodyparser({}),
  encryption: encryption({
    default: "gcm",
    list: { gcm: drivers.aes256gcm({ id: "gcm", keys: [randomBytes(32).toString("hex")] }) },
  }),
  logger: logger({ default: "app", loggers: { app: { enabled: false } } }),
  // Where it leads, and as whom, is the guard's affair.
  database: {
    connection: "pg",
    connections: { pg: { client: "pg", connection: { host: "127.0.0.1" } } },
  },
};
