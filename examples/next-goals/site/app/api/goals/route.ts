import { list } from "../../../lib/goals";
import { pw, route } from "../../../lib/tenancy";

export const GET = route(async () =>
  Response.json({ tenant: pw.current().name, goals: await list() }),
);
