import type { TenantRecord } from "../registry/record.js";
import type { Placement } from "../scope/tenant.js";
import type { Context } from "./context.js";
import { padded, printable } from "./display-width.js";
import type { Column } from "./table.js";

/** The columns of a list of tenants. */
export const TENANT_COLUMNS: readonly Column<TenantRecord>[] = [
  { title: "SLUG", value: ({ slug }) => slug },
  { title: "NAME", value: ({ name }) => name },
  { title: "STATUS", value: ({ status }) => status },
  { title: "ID", value: ({ id }) => id },
  { title: "SINCE", value: ({ createdAt }) => createdAt.slice(0, 10) },
];

/** A placement as people read it. */
export function placementText({ strategy, name, server, secret }: Placement): string {
  return [
    strategy,
    ...(name === undefined ? [] : [name]),
    ...(server === undefined ? [] : [`on ${server}`]),
    ...(secret === undefined ? [] : ["with a login of its own"]),
  ].join(" ");
}

/** The lines that show one tenant whole; fields whose names tell of a secret are masked. */
export function tenantLines(record: TenantRecord, { redactor }: Context): string[] {
  const { id, slug, name, status, placement, createdAt, updatedAt, version } = record;
  const fields = redactor.data(record.fields) as Readonly<Record<string, unknown>>;
  const entries: (readonly [string, string])[] = [
    ["slug", slug],
    ["name", name],
    ["status", status],
    ["id", id],
    ["placement", placementText(placement)],
    ["created", createdAt],
    ["updated", `${updatedAt} (version ${version})`],
    ...Object.entries(fields).map(
      ([key, value]) =>
        [`fields.${key}`, typeof value === "string" ? value : JSON.stringify(value)] as const,
    ),
  ];
  const width = Math.max(...entries.map(([title]) => title.length));
  return entries.map(([title, value]) => `${padded(printable(title), width)}  ${printable(value)}`);
}
