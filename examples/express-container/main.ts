import type { AddressInfo } from "node:net";
import { openGoals } from "../goals-database.js";
import { application } from "./app.js";
import { containersOf } from "./containers.js";
import type { GoalService } from "./goals.js";

const { pw, folder, stop } = await openGoals();
const containers = containersOf(pw);
await pw.ready();

// The same service in a job that runs for every tenant.
await pw.each(
  () =>
    containers.enter(async ({ get }) => {
      console.log(`nightly: ${await get<GoalService>("goals").summary()}`);
    }),
  { concurrency: 1 },
);

const server = application(pw, containers).listen(Number(process.env["PORT"] ?? 0), "127.0.0.1");
server.once("listening", () => {
  const { port } = server.address() as AddressInfo;
  const goals = (slug: string) => `http://${slug}.localhost:${port}/goals`;
  console.log(`
# One tenant's goals
curl -H 'x-user: ada' '${goals("acme")}'
# The other one's
curl -H 'x-user: grace' '${goals("globex")}'
# A goal of Ada's
curl -H 'x-user: ada' -H 'content-type: application/json' -d '{"title":"learn"}' '${goals("acme")}'

The database is in ${folder}; Ctrl-C stops it, and it is gone.`);
});

let stopping = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    if (stopping) return;
    stopping = true;
    server.closeAllConnections();
    server.close();
    void stop().then(() => process.exit(0));
  });
}
