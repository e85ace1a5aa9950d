import { printable, truncate } from "./display-width.js";
import type { Output } from "./host.js";

/** How far a long piece of work has come. */
export interface ProgressEvent {
  readonly done: number;
  /** How much there is in all, where that is known. */
  readonly total?: number;
  /** What is counted, in the plural: `tenants`, `rows`. */
  readonly unit: string;
  /** What is being done, in a few words. */
  readonly label: string;
}

/** Shows how far a piece of work has come. */
export interface Progress {
  update(event: ProgressEvent): void;
  /** Shows the last state and ends the line. */
  finish(): void;
}

const SILENT: Progress = { update: () => undefined, finish: () => undefined };
const BAR_EVERY_MS = 100;
const LINE_EVERY_MS = 5000;
const BAR_CELLS = 24;
// The rate is that of the last moments: work seldom goes on as it began.
const RATE_OVER_MS = 15_000;

interface Sample {
  readonly at: number;
  readonly done: number;
}

/** A bar on a terminal, plain lines every few seconds elsewhere, nothing where `silent`. */
export function createProgress(
  output: Output,
  options: { readonly silent: boolean; readonly now?: () => number },
): Progress {
  if (options.silent) return SILENT;
  const now = options.now ?? (() => performance.now());
  const everyMs = output.isTTY ? BAR_EVERY_MS : LINE_EVERY_MS;
  const samples: Sample[] = [];
  let latest: ProgressEvent | undefined;
  let shownAt = output.isTTY ? -Infinity : now();
  let shown: ProgressEvent | undefined;

  const show = (at: number): void => {
    if (latest === undefined || latest === shown) return;
    shown = latest;
    shownAt = at;
    const text = describe(latest, rateOf(samples), output.isTTY);
    output.write(
      output.isTTY ? `\r\u001b[2K${truncate(text, Math.max(1, output.columns - 1))}` : `${text}\n`,
    );
  };

  return {
    update(event) {
      const at = now();
      // Another piece of work: its own rate.
      if (latest !== undefined && latest.label !== event.label) samples.length = 0;
      latest = event;
      samples.push({ at, done: event.done });
      while (samples.length > 2 && at - samples[1]!.at > RATE_OVER_MS) samples.shift();
      // What came in between is thinned out, so that a million updates are not a million samples.
      if (samples.length > 256)
        samples.splice(1, samples.length - 2, ...everyOther(samples.slice(1, -1)));
      if (at - shownAt >= everyMs) show(at);
    },
    finish() {
      show(now());
      if (output.isTTY && shown !== undefined) output.write("\n");
      latest = shown = undefined;
      samples.length = 0;
    },
  };
}

function everyOther(samples: readonly Sample[]): Sample[] {
  return samples.filter((_, at) => at % 2 === 0);
}

/** Units a second, or undefined while there is nothing to tell it from. */
function rateOf(samples: readonly Sample[]): number | undefined {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || last.at <= first.at) return undefined;
  return Math.max(0, ((last.done - first.done) * 1000) / (last.at - first.at));
}

function describe(event: ProgressEvent, rate: number | undefined, withBar: boolean): string {
  const { done, total, unit } = event;
  const label = printable(event.label);
  const parts = [label];
  if (total !== undefined && total > 0) {
    const share = Math.min(1, done / total);
    if (withBar) parts.push(bar(share));
    parts.push(`${Math.floor(share * 100)}%`);
  }
  parts.push(`${grouped(done)}${total === undefined ? "" : `/${grouped(total)}`} ${unit}`);
  if (rate !== undefined && rate > 0) {
    parts.push(`${grouped(rate < 10 ? Math.round(rate * 10) / 10 : Math.round(rate))} ${unit}/s`);
    if (total !== undefined && total > done) parts.push(`${duration((total - done) / rate)} left`);
  }
  return parts.join("  ");
}

function bar(share: number): string {
  const full = Math.round(share * BAR_CELLS);
  return `[${"#".repeat(full)}${"-".repeat(BAR_CELLS - full)}]`;
}

/** A number with its thousands set apart. */
function grouped(value: number): string {
  return value.toLocaleString("en-GB");
}

/** Seconds as people say them: `45 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
