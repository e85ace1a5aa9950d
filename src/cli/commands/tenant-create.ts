import { defineCommand } from "../command.js";

/** `partywall tenant create`. */
export const command = defineCommand({
  name: "tenant create",
  summary: "Registers a tenant and lets every guard admit it.",
  usage: "--slug <slug> --name <name> [--id <id>] [--set <key=value>]…",
  details:
    "Where a guard fails, the tenant stays provisioning; the same command with the --id of the message resumes.",
  flags: {
    slug: {
      type: "string",
      value: "slug",
      required: true,
      summary: "DNS label that names the tenant: a-z, 0-9 and inner dashes.",
    },
    name: { type: "string", value: "name", required: true, summary: "Name that people read." },
    id: {
      type: "string",
      value: "id",
      summary: "Identifier stored in every row; a random UUID unless given.",
    },
    set: {
      type: "string",
      value: "key=value",
      multiple: true,
      summary:
        "A field of the tenant. What is JSON is taken as that (5, true), anything else as text.",
    },
  },
  examples: [
    { line: 'tenant create --slug acme --name "Acme Ltd"', says: "a tenant with a random id" },
    {
      line: "tenant create --slug acme --name Acme --set plan=pro --set seats=25",
      says: "with fields: a text and a number",
    },
  ],
  async run({ flags, context }) {
    const [{ loadApplication }, { fieldsOf }, { tenantLines }] = await Promise.all([
      import("../application.js"),
      import("../actions/tenants.js"),
      import("../tenant-view.js"),
    ]);
    const fields = fieldsOf(flags.set);
    const pw = await (await loadApplication(context)).partywall();
    const record = await pw.tenants.create({
      slug: flags.slug,
      name: flags.name,
      fields,
      ...(flags.id === undefined ? {} : { id: flags.id }),
    });
    context.show(record, () => tenantLines(record, context));
    return 0;
  },
});
