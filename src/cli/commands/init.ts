import { defineCommand } from "../command.js";
import { DRIVERS, FRAMEWORKS, ORMS } from "../init/names.js";
import { URL_FLAG } from "../connection.js";
import type { NextStep } from "../init/next-steps.js";
import { UsageError } from "../usage-error.js";

/** What keeps changes from being told from others, by the state of Git's work tree. */
const OBSTACLES: Readonly<Record<"dirty" | "unknown" | "clean" | "none", string | undefined>> = {
  dirty:
    "Git has changes here that are not committed, from which those of init could not be told. Commit or stash them",
  unknown:
    "this is a Git repository, and Git does not tell whether all is committed. See what `git status` says",
  clean: undefined,
  none: undefined,
};

const withoutLogins = (next: readonly NextStep[]): NextStep[] =>
  next.filter(({ command }) => command?.includes(" logins ") !== true);

/** `partywall init`. */
export const command = defineCommand({
  name: "init",
  summary:
    "Finds out what an application is made of and puts Partywall beneath its ORM; shows the changes first.",
  usage: "[--apply] [--public] [--framework <name>] [--orm <name>] [--driver <name>]",
  details:
    "Reads the folder and runs none of its code. Without --apply it shows what would change, as a diff, and writes nothing unless it is told to at the prompt. What cannot be changed safely is named with its line, for you to change. Files that are there are never overwritten; either all changes are written or none.",
  flags: {
    apply: { type: "boolean", summary: "Writes the changes." },
    public: {
      type: "boolean",
      summary:
        "Lets every visitor of a tenant's address enter it, for sites without logins. Otherwise nobody enters until the generated file says who.",
    },
    framework: {
      type: "string",
      value: "name",
      summary: "The web framework, where it is not found or is another.",
      choices: FRAMEWORKS,
    },
    orm: {
      type: "string",
      value: "name",
      summary: "The ORM, where it is not found or is another.",
      choices: ORMS,
    },
    driver: {
      type: "string",
      value: "name",
      summary: "The database driver, where it is not found or is another.",
      choices: DRIVERS,
    },
    client: {
      type: "string",
      value: "file",
      summary: "The file that constructs the ORM's client, where several do.",
    },
    logins: {
      type: "boolean",
      summary:
        "With --apply: creates the logins too, as the superuser of --url, with the passwords that are written into .env.",
    },
    "own-database-only": {
      type: "boolean",
      summary:
        "Of --logins: leaves the databases postgres and template1 open to whoever may connect to them now.",
    },
    url: URL_FLAG,
    force: {
      type: "boolean",
      summary:
        "Writes although Git has changes that are not committed, which --apply refuses otherwise.",
    },
  },
  examples: [
    { line: "init", says: "shows what would change" },
    { line: "init --apply", says: "changes it" },
    {
      line: "init --apply --logins --url postgres://postgres@localhost/shop",
      says: "and creates the logins",
    },
    { line: "init --cwd packages/api --orm drizzle --apply", says: "one application of several" },
    { line: "init --json", says: "the plan, for a program" },
  ],
  async run({ flags, context }) {
    const [{ planInit }, { applyChanges }, { gitState }, view] = await Promise.all([
      import("../init/plan-init.js"),
      import("../init/apply-changes.js"),
      import("../init/git.js"),
      import("../init/view.js"),
    ]);
    const { framework, orm, driver, client, apply, force } = flags;
    if (flags.logins && !apply) {
      throw new UsageError("--logins creates logins, which only --apply may. Add --apply.");
    }
    const request = { framework, orm, driver, client, open: flags.public, env: context.env };
    const plan = await planInit(context.cwd, request);
    const { state, detection, secrets } = plan;
    for (const text of secrets?.hidden ?? []) context.redactor.add(text);
    if (state === "initialised") {
      context.show(view.planData(plan, false), () => [
        `This project is initialised: ${detection.config!} is there. Nothing was changed.`,
        "To begin anew, remove it and the module it names as its entry.",
      ]);
      return 0;
    }
    if (state === "unsupported") {
      context.show(view.planData(plan, false), () => [
        ...view.foundLines(plan),
        ...plan.notices,
        "Nothing was changed.",
      ]);
      return 1;
    }
    const { tree } = gitState(context.cwd);
    const obstacle = force ? undefined : OBSTACLES[tree];
    if (apply && obstacle !== undefined) {
      throw new UsageError(`${obstacle}, or add --force. Nothing was changed.`);
    }
    if (!apply) {
      context.show(view.planData(plan, false), () => view.planLines(plan, context));
      if (obstacle !== undefined) {
        context.note(`\nNothing was changed. Before --apply: ${obstacle}.`);
        return 0;
      }
      const answer = await context.ask?.("\nWrite these changes? (yes/no) ");
      if (answer === undefined || !/^y(?:es)?$/i.test(answer.trim())) {
        context.note("\nNothing was changed. Add --apply to write it.");
        return 0;
      }
    }
    const { loginMaker } = await import("../init/create-logins.js");
    const options = { url: flags.url, ownDatabaseOnly: flags["own-database-only"] };
    const maker = flags.logins ? await loginMaker(plan, options, context) : undefined;
    applyChanges(context.cwd, [...plan.changes, ...(secrets ? [secrets.change] : [])]);
    const created = (await maker?.create())?.created;
    const left = created === undefined ? plan : { ...plan, next: withoutLogins(plan.next) };
    context.show({ ...(view.planData(left, true) as object), ...(created && { created }) }, () => [
      ...(created === undefined
        ? []
        : [`created  ${created.join(", ") || "no login: all are there"}`]),
      ...view.writtenLines(left, context),
    ]);
    return 0;
  },
});
