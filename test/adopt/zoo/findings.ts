import { ask, difference, type Answer, type Asker } from "./answers.js";
import type { Entry, Write } from "./entry.js";

/** Answers by what was asked. */
export type Answers = ReadonlyMap<string, Answer>;

const NEVER_SENT: Answer = { columns: [], rows: [], count: null, error: "never sent" };

/** What a visit found that is not as it should be, and the comparing that finds it. */
export class Findings {
  readonly all: string[] = [];
  readonly #entry: Entry;
  /** Columns that are not compared: the tenant's, whether adoption adds them or fills them. */
  hidden: readonly string[] = [];

  constructor(entry: Entry) {
    this.#entry = entry;
  }

  add(...found: readonly string[]): void {
    this.all.push(...found);
  }

  /** Compares everything that was asked of the original with what was asked of the adopted. */
  compare(who: string, expected: Answers, actual: Answers): void {
    for (const [what, answer] of expected) {
      this.add(...difference(`${who}: ${what}`, answer, actual.get(what) ?? NEVER_SENT));
    }
  }

  /** Compares a transaction's answers, with the errors that the entry says become others on the way. */
  compareWrite(
    who: string,
    write: Write,
    expected: readonly Answer[],
    actual: readonly Answer[],
  ): void {
    for (const [at, answer] of expected.entries()) {
      const got = actual[at] ?? NEVER_SENT;
      const other = this.#entry.errors?.[answer.error ?? ""];
      const expects =
        other !== undefined && got.error === other ? { ...answer, error: other } : answer;
      this.add(...difference(`${who}: ${write[at] ?? "commit"}`, expects, got));
    }
  }

  /** The entry's queries, answered. */
  async questions(asker: Asker): Promise<Answers> {
    const answers = new Map<string, Answer>();
    for (const query of this.#entry.queries) {
      const sql = typeof query === "string" ? query : query.sql;
      answers.set(sql, await ask(asker, sql, this.hidden));
    }
    return answers;
  }

  /** Sends statements in one transaction up to the first that fails; its end is the last answer. */
  async send(asker: Asker, write: Write, end: "commit" | "rollback"): Promise<readonly Answer[]> {
    const answers: Answer[] = [];
    await ask(asker, "begin", this.hidden);
    // Deferred checks have their say also where the transaction is taken back.
    const all = end === "rollback" ? [...write, "set constraints all immediate"] : write;
    for (const sql of all) {
      const answer = await ask(asker, sql, this.hidden);
      answers.push(answer);
      if (answer.error !== undefined) {
        await ask(asker, "rollback", this.hidden);
        return answers;
      }
    }
    answers.push(await ask(asker, end, this.hidden));
    return answers;
  }
}

/** What was thrown, with what caused it. */
export function told(error: unknown): string {
  const { message, code, cause } = error as Error & { code?: string };
  return `${code ?? ""} ${message}${cause instanceof Error ? ` ← ${told(cause)}` : ""}`.trim();
}
