// One application in a process of its own, see server.ts. It tells its processor time when it is asked.
import type { Framework } from "./site.js";
import type { Assignment, Message } from "./server.js";
import { openSite } from "./ways.js";

async function obey(message: Message | Assignment): Promise<number> {
  if (message === "processor time") {
    const { user, system } = process.cpuUsage();
    return user + system;
  }
  const { framework } = (await import(`./${message.framework}.js`)) as { framework: Framework };
  return framework.listen(await openSite(message.opening));
}

process.on("message", (message: Message | Assignment) => {
  obey(message).then(
    (answer) => process.send?.(answer),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
// The parent is gone, or done.
process.on("disconnect", () => process.exit());
