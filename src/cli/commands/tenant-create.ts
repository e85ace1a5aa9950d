import { randomUUID } from "node:crypto";
import { defineCommand } from "../command.js";

/** `partywall tenant create`. */
export const command = defineCommand({
  name: "tenant create",
  summary: "Registers a tenant, has its home made and lets every guard admit it.",
  usage:
    "--slug <slug> --name <name> [--id <id>] [--set <key=value>]… [--strategy <strategy>] [--server <name>]",
  details:
    "A schema or database of its own is made by the provision option of createPartywall(). Where that or a guard fails, the tenant stays provisioning; the same command with the --id of the message resumes.",
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
    strategy: {
      type: "string",
      value: "strategy",
      choices: ["row", "schema", "database"],
      summary: "How it is kept apart; row unless told.",
    },
    server: {
      type: "string",
      value: "name",
      summary: "The server it lives on, as guardPg() names it; the default one unless told.",
    },
    home: {
      type: "string",
      value: "name",
      summary: "Name of its schema or database; made of its slug and id unless told.",
    },
    secret: {
      type: "string",
      value: "reference",
      summary: "Gives it a login of its own, whose password is kept under this reference.",
    },
  },
  examples: [
    { line: 'tenant create --slug acme --name "Acme Ltd"', says: "a tenant with a random id" },
    {
      line: "tenant create --slug acme --name Acme --set plan=pro --set seats=25",
      says: "with fields: a text and a number",
    },
    {
      line: "tenant create --slug acme --name Acme --strategy schema",
      says: "in a schema of its own",
    },
  ],
  async run({ flags, context }) {
    const [{ loadApplication }, { fieldsOf, placementOf }, { tenantLines }] = await Promise.all([
      import("../application.js"),
      import("../actions/tenants.js"),
      import("../tenant-view.js"),
    ]);
    const fields = fieldsOf(flags.set);
    const id = flags.id ?? randomUUID();
    const placement = placementOf({ id, slug: flags.slug }, flags);
    const pw = await (await loadApplication(context)).partywall();
    const record = await pw.tenants.create({
      slug: flags.slug,
      name: flags.name,
      fields,
      id,
      ...(placement && { placement }),
    });
    context.show(record, () => tenantLines(record, context));
    return 0;
  },
});
