"use server";

import { add } from "../lib/goals";
import { action, pw } from "../lib/tenancy";

/** Decided anew: whoever posts this form to another tenant's address must be let in there. */
export const addGoal = action(async (form: FormData) => {
  const title = form.get("title");
  if (typeof title !== "string" || title === "") throw new Error("A goal needs a title.");
  await add(title, String(pw.principal()));
});
