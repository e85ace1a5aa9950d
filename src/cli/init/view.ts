import type { Context } from "../context.js";
import type { FileChange } from "./apply-changes.js";
import { TITLES } from "./names.js";
import type { InitPlan } from "./plan-init.js";
import { unifiedDiff } from "./unified-diff.js";
import type { ManualStep } from "./workbench.js";

// What stands behind a key of this name in source is nobody's business, whoever wrote it there.
const WRITTEN_OUT =
  /(\b(?:pass(?:word|wd|phrase)?|secret|token|api_?key)\b["'`]?\s*[:=]\s*)(["'`])(?:(?!\2).)+\2/gi;

const masked = (text: string): string => text.replaceAll(WRITTEN_OUT, "$1$2***$2");

/** A plan as data: the changes as diffs, and what is generated into `.env` by name only. */
export function planData(plan: InitPlan, applied: boolean): unknown {
  const { detection, state, changes, secrets, manual, notices, next } = plan;
  return {
    state,
    applied,
    detection,
    changes: changes.map((change) => ({
      path: change.path,
      action: change.before === undefined ? "create" : "edit",
      diff: diffOf(change).join("\n"),
    })),
    generated:
      secrets === undefined ? [] : [{ path: secrets.change.path, variables: secrets.variables }],
    manual: manual.map(maskedStep),
    notices,
    next,
  };
}

/** What a project is made of, as people read it. */
export function foundLines({ detection }: InitPlan): string[] {
  const { framework, orm, driver, typescript, modules, packageManager, clients, migrations } =
    detection;
  const parts = [framework.value, orm.value, driver.value].flatMap((name) =>
    name === undefined ? [] : [TITLES[name]],
  );
  const language = typescript ? "TypeScript" : "JavaScript";
  const system = modules === "esm" ? "ES modules" : "CommonJS";
  return [
    `Found: ${parts.join(", ")}; ${language}, ${system}; ${packageManager}`,
    ...clients
      .filter(({ purpose }) => purpose !== "test")
      .map(({ path, line, text }) => `  ${path}:${line}  ${text}…)`),
    ...(migrations === undefined ? [] : [`  ${migrations}  migrations`]),
  ];
}

/** A whole plan, as people read it: what was found, what changes, what is left to them. */
export function planLines(plan: InitPlan, context: Context): string[] {
  const { paint } = context;
  const { changes, secrets } = plan;
  return [
    ...foundLines(plan),
    "",
    ...changes.flatMap((change) => diffOf(change).map((line) => painted(line, paint))),
    ...(secrets === undefined
      ? []
      : [
          "",
          `Into ${secrets.change.path}, generated when it is written: ${secrets.variables.join(", ")}`,
        ]),
    ...remainderLines(plan, context),
  ];
}

/** What was written, and what is left to do, as people read it. */
export function writtenLines(plan: InitPlan, context: Context): string[] {
  const { changes, secrets } = plan;
  const written = [...changes, ...(secrets ? [secrets.change] : [])];
  return [
    ...written.map(
      ({ path, before }) =>
        `${context.paint("green", before === undefined ? "created" : "changed")}  ${path}`,
    ),
    ...remainderLines(plan, context),
  ];
}

function remainderLines({ manual, notices, next }: InitPlan, { paint }: Context): string[] {
  const section = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : ["", paint("bold", title), ...lines];
  return [
    ...section("To be changed by hand", manual.flatMap(manualLines)),
    ...section(
      "To know",
      notices.map((notice) => `- ${notice}`),
    ),
    ...section(
      "Next",
      next.flatMap(({ what, command }, at) => [
        `${at + 1}. ${what}${command === undefined ? "." : ":"}`,
        ...(command === undefined ? [] : [`   ${command}`]),
      ]),
    ),
  ];
}

function manualLines(step: ManualStep): string[] {
  const { path, line, why, before, after } = maskedStep(step);
  const place = path === undefined ? "" : `${path}:${line}: `;
  return [
    `- ${place}${why}.`,
    ...(before?.split("\n").map((text) => `    - ${text}`) ?? []),
    `    + ${after}`,
  ];
}

function maskedStep(step: ManualStep): ManualStep {
  return step.before === undefined ? step : { ...step, before: masked(step.before) };
}

function diffOf(change: FileChange): string[] {
  return unifiedDiff(change).map((line) => masked(line.replace(/\r$/, "")));
}

function painted(line: string, paint: Context["paint"]): string {
  if (/^(?:---|\+\+\+) /.test(line)) return paint("bold", line);
  if (line.startsWith("@@")) return paint("cyan", line);
  if (line.startsWith("+")) return paint("green", line);
  return line.startsWith("-") ? paint("red", line) : line;
}
