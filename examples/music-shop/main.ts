import { application } from "./app.js";
import { takeDataFolder } from "./data-folder.js";
import { firstStart } from "./database/first-start.js";
import { startDatabase } from "./database/server.js";
import { takePort } from "./doors.js";
import { Failure } from "./failure.js";
import { HELP, readOptions } from "./options.js";
import { secretsIn } from "./secrets.js";
import { openShop } from "./shop.js";
import { welcome } from "./welcome.js";

const PATIENCE_MS = 5000;

/** What has been started, newest last; closed in reverse. */
const started: (() => Promise<unknown>)[] = [];
let stopping: Promise<void> | undefined;

async function start(args: readonly string[]): Promise<void> {
  const say = (line: string) => console.log(`  ${line}`);
  const options = await readOptions(args);
  if (options === undefined) {
    console.log(HELP);
    return;
  }
  const { port, dataDir, finish } = options;
  // A port that is taken is found out before anything is made.
  const doors = await step(takePort(port), (opened) => opened.close());
  const folder = await step(takeDataFolder(dataDir, finish), (taken) => taken.release());
  console.log(`${folder.isNew ? "First start" : "Starting"}, data in ${folder.path}`);
  const secrets = await secretsIn(folder.secrets, folder.isNew);
  const database = await step(startDatabase(folder), (running) => running.stop());
  void database.exited.then(() => {
    if (stopping === undefined) void stop(1, "The database has ended. Stopping.");
  });
  say(`database: PostgreSQL on 127.0.0.1:${database.port}`);
  if (folder.isNew) {
    await firstStart({ superuserUrl: database.url, port: database.port, secrets, say });
    await folder.complete();
  }
  const shop = await step(Promise.resolve(openShop(secrets, database.port)), ({ pw }) =>
    within(pw.close()),
  );
  await shop.pw.ready();
  say("wall: stands");
  doors.open(application(shop, secrets));
  console.log(await welcome(port, secrets));
}

/** Remembers how to undo a step. Where the shop was stopped meanwhile, undoes it at once and goes no further. */
async function step<T>(making: Promise<T>, undo: (made: T) => Promise<unknown>): Promise<T> {
  const made = await making;
  if (stopping !== undefined) {
    await undo(made);
    return new Promise(() => {});
  }
  started.push(() => undo(made));
  return made;
}

function stop(code: number, message: string): Promise<void> {
  stopping ??= (async () => {
    if (message !== "") console.log(message);
    for (const undo of started.toReversed()) {
      try {
        await undo();
      } catch (error) {
        console.error(error);
        code = 1;
      }
    }
    // Whatever is still being started ends with this process: its watcher stops it.
    process.exit(code);
  })();
  return stopping;
}

/** Waits, but not for ever: a handler that never ends must not keep the database running. */
function within(work: Promise<unknown>): Promise<unknown> {
  let timer: NodeJS.Timeout;
  const patience = new Promise((done) => {
    timer = setTimeout(done, PATIENCE_MS);
  });
  return Promise.race([work, patience]).finally(() => clearTimeout(timer));
}

// npm and the terminal may each send one, and people press twice: the first counts, and none cuts the stopping short.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => void stop(0, "\nStopping."));
}

// npm hands a SIGTERM only to the shell between it and this process, which ends without a word.
if (process.env["npm_lifecycle_event"] === "start") {
  const shell = process.ppid;
  setInterval(() => {
    if (process.ppid !== shell) void stop(0, "\nStopping: npm has ended.");
  }, 200).unref();
}

try {
  await start(process.argv.slice(2));
} catch (error) {
  // What fails because it is being stopped has nothing to tell.
  if (stopping === undefined) {
    if (error instanceof Failure) console.error(`\n${error.message}`);
    else console.error(error);
    await stop(1, "");
  }
}
