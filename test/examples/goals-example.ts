import { afterAll, beforeAll, expect } from "vitest";
import {
  ask,
  assertNoneLeft,
  endLeftOver,
  processesOf,
  send,
  startExample,
  type Answer,
  type ExampleProcess,
} from "./example-process.js";

/** An example about goals, started before the tests of a suite and ended after them. */
export function goalsExample(name: string, startMs?: number) {
  let example: ExampleProcess;
  let port: string;
  beforeAll(async () => {
    example = startExample(name);
    await example.printed("Ctrl-C stops it");
    ({ port } = new URL(/http:\/\/acme[^']+/.exec(example.output())![0]));
  }, startMs);
  afterAll(() => endLeftOver());

  const asked = (comment: string) => ask(example.line(comment));
  return {
    output: () => example.output(),
    /** What the printed line with this comment is answered. */
    asked,
    at: (slug: string, path = "/") => new URL(path, `http://${slug}.localhost:${port}`),
    /** Sends a request as somebody. */
    as(slug: string, user: string, path = "/", body?: string): Promise<Answer> {
      const headers = {
        "x-user": user,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      };
      return send(this.at(slug, path), { headers, ...(body === undefined ? {} : { body }) });
    },
    /** The titles of the goals in an answer, which is their list or holds it. */
    titles({ json }: Pick<Answer, "json">): string[] {
      const goals = Array.isArray(json) ? json : (json as { goals: unknown }).goals;
      return (goals as { title: string }[]).map(({ title }) => title);
    },
    /** That nobody can tell from outside whether a tenant exists. */
    async expectForbiddenAsUnknown(): Promise<void> {
      const forbidden = await asked("A tenant that is not Ada's");
      const unknown = await asked("… and one that does not exist");
      expect(forbidden.status).toBe(404);
      const { date: _one, ...headers } = forbidden.headers;
      const { date: _other, ...others } = unknown.headers;
      expect([forbidden.text, headers]).toEqual([unknown.text, others]);
    },
    /** That it ends on a signal, and its database with it. */
    async expectCleanStop(): Promise<void> {
      const [, folder = ""] = /database is in ([^;]+);/.exec(example.output()) ?? [];
      expect(processesOf(folder)).not.toEqual([]);
      example.kill("SIGTERM");
      expect(await example.ended).toBe(0);
      await assertNoneLeft(folder);
    },
  };
}
