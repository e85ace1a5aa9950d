import { fileURLToPath } from "node:url";
import { buildNext, type NextApp } from "../../test/support/next-app.js";
import { openGoals } from "../goals-database.js";

const database = await openGoals();
let app: NextApp | undefined;
try {
  app = await buildNext(fileURLToPath(new URL("site", import.meta.url)));
  await serve(app);
} catch (error) {
  app?.remove();
  await database.stop();
  throw error;
}

async function serve(built: NextApp): Promise<void> {
  const { secret, logins, folder } = database;
  const env = { GOALS_SECRET: secret, GOALS_APP: logins.app, GOALS_SYSTEM: logins.system };
  const server = await built.start({ env, port: Number(process.env["PORT"] ?? 0) });
  const at = (slug: string, path = "/") => `http://${slug}.localhost:${server.port}${path}`;
  console.log(`
# One tenant's page
curl -H 'x-user: ada' '${at("acme")}'
# The other one's
curl -H 'x-user: grace' '${at("globex")}'
# One tenant's goals, from a route handler
curl -H 'x-user: ada' '${at("acme", "/api/goals")}'
# The other one's goals
curl -H 'x-user: grace' '${at("globex", "/api/goals")}'
# A tenant that is not Ada's
curl -H 'x-user: ada' '${at("globex", "/api/goals")}'
# … and one that does not exist
curl -H 'x-user: ada' '${at("initech", "/api/goals")}'
# A cache that all tenants share
curl -H 'x-user: ada' '${at("acme", "/api/mistake")}'

The database is in ${folder}; Ctrl-C stops it, and it is gone.`);

  let stopping = false;
  const stop = async () => {
    if (stopping) return;
    stopping = true;
    await server.stop();
    built.remove();
    await database.stop();
    process.exit(0);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void stop());
  server.onOutput((text) => process.stderr.write(text));
}
