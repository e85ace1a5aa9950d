import { NestFactory } from "@nestjs/core";
import { DataSource } from "typeorm";
import { openGoals } from "../goals-database.js";
import { AppModule } from "./app.module.js";

const database = await openGoals();
const app = await NestFactory.create(AppModule.over(database), {
  logger: ["error", "warn"],
  forceCloseConnections: true,
});

await app.listen(Number(process.env["PORT"] ?? 0), "127.0.0.1");
const { port } = new URL(await app.getUrl());
const at = (path: string, slug = "") => `http://${slug}localhost:${port}${path}`;
console.log(`
# One tenant's goals
curl -H 'x-user: ada' '${at("/goals", "acme.")}'
# The other one's
curl -H 'x-user: grace' '${at("/goals", "globex.")}'
# A goal of Ada's
curl -H 'x-user: ada' -H 'content-type: application/json' -d '{"title":"learn"}' '${at("/goals", "acme.")}'
# A stream that counts while it is sent
curl -H 'x-user: ada' '${at("/goals/count", "acme.")}'
# A tenant that is not Ada's
curl -H 'x-user: ada' '${at("/goals", "globex.")}'
# … and one that does not exist
curl -H 'x-user: ada' '${at("/goals", "initech.")}'
# What has no tenant
curl '${at("/health")}'
# … and reads a tenant's table
curl '${at("/health/goals")}'

The database is in ${database.folder}; Ctrl-C stops it, and it is gone.`);

let stopping = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    if (stopping) return;
    stopping = true;
    void stop();
  });
}

async function stop(): Promise<void> {
  await app.close();
  await app.get(DataSource).destroy();
  await database.stop();
  process.exit(0);
}
