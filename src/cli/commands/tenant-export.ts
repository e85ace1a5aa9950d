import { resolve } from "node:path";
import { defineCommand } from "../command.js";
import { URL_FLAG } from "../connection.js";
import { dataReporter, EXCEPT_FLAG, rowLines } from "../tenant-data.js";

/** `partywall tenant export`. */
export const command = defineCommand({
  name: "tenant export",
  summary: "Writes all of a tenant's rows to a file.",
  usage: "<tenant> --out <file> [--url <url>]",
  details:
    "One snapshot, read through the login that owns the tables or the system login, never the application's. The file holds the tenant's data as it is: keep it as you keep the database.",
  arguments: [
    { name: "tenant", summary: "Its slug or id; slug:… or id:… where it could be either." },
  ],
  flags: {
    out: {
      type: "string",
      value: "file",
      required: true,
      summary: "A new file; compressed where its name ends in .gz.",
    },
    except: EXCEPT_FLAG,
    url: URL_FLAG,
  },
  stopsItself: true,
  examples: [{ line: "tenant export acme --out acme.ndjson.gz", says: "compressed" }],
  async run({ flags, args, context }) {
    const [{ loadApplication }, { openPremises }, data] = await Promise.all([
      import("../application.js"),
      import("../actions/tenant-premises.js"),
      import("../actions/tenant-data.js"),
    ]);
    const application = await loadApplication(context);
    const record = await data.findTenantOrDeleted(await application.partywall(), args[0]!);
    const { premises } = await openPremises(context, application, record, flags);
    const reporter = dataReporter(context);
    try {
      const summary = await data.exportToFile(premises, resolve(context.cwd, flags.out), {
        signal: context.signal,
        onProgress: reporter.tell,
      });
      reporter.finish();
      context.show(summary, () => [
        ...rowLines(summary.tables, "written"),
        `${summary.file} is as of ${summary.takenAt}.`,
      ]);
    } finally {
      reporter.finish();
    }
    return 0;
  },
});
