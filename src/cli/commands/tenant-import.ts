import { resolve } from "node:path";
import { defineCommand } from "../command.js";
import { URL_FLAG } from "../connection.js";
import { dataReporter, EXCEPT_FLAG, rowLines } from "../tenant-data.js";

/** `partywall tenant import`. */
export const command = defineCommand({
  name: "tenant import",
  summary: "Brings rows that were exported into a tenant that has none.",
  usage: "<tenant> --in <file> [--triggers <how>] [--url <url>]",
  details:
    "The rows become this tenant's, whoever's they were. One transaction: everything comes in and is verified, or nothing is changed.",
  arguments: [
    { name: "tenant", summary: "Its slug or id; slug:… or id:… where it could be either." },
  ],
  flags: {
    in: {
      type: "string",
      value: "file",
      required: true,
      summary: "A file of tenant export; decompressed where its name ends in .gz.",
    },
    triggers: {
      type: "string",
      value: "how",
      choices: ["off", "fire"],
      summary: "Whether your triggers run for the rows; off unless told.",
    },
    except: EXCEPT_FLAG,
    url: URL_FLAG,
  },
  stopsItself: true,
  examples: [{ line: "tenant import acme-copy --in acme.ndjson.gz", says: "under another id" }],
  async run({ flags, args, context }) {
    const [{ loadApplication }, { openPremises }, { findTenant }, data] = await Promise.all([
      import("../application.js"),
      import("../actions/tenant-premises.js"),
      import("../actions/tenants.js"),
      import("../actions/tenant-data.js"),
    ]);
    const application = await loadApplication(context);
    const record = await findTenant(await application.partywall(), args[0]!);
    const { premises } = await openPremises(context, application, record, flags);
    const reporter = dataReporter(context);
    try {
      const report = await data.importFromFile(premises, resolve(context.cwd, flags.in), {
        signal: context.signal,
        onProgress: reporter.tell,
        ...(flags.triggers === undefined ? {} : { triggers: flags.triggers }),
      });
      reporter.finish();
      context.show(report, () => [
        ...rowLines(report.tables, `brought in for ${record.slug}, and verified`),
        ...(report.untouched.length === 0
          ? []
          : [`Not in the archive: ${report.untouched.join(", ")}.`]),
      ]);
    } finally {
      reporter.finish();
    }
    return 0;
  },
});
