import { appendFileSync } from "node:fs";
import pg from "pg";
import { ormConformance, type OrmSubject } from "partywall/testing";
import { afterAll, beforeAll, describe, test } from "vitest";
import { describeEngine, engineUrl } from "../support/engine.js";

/** Defines the conformance suite of one ORM. Results go where the capability matrix is made of them. */
export function conform(subject: OrmSubject): void {
  const results = process.env["PARTYWALL_CONFORMANCE_RESULTS"];
  describeEngine("postgres", `${subject.name} over the guard`, () => {
    ormConformance(
      {
        describe,
        // oxlint-disable-next-line vitest/expect-expect -- the suite asserts by itself
        test: (name, run, timeoutMs) => test(name, run, timeoutMs),
        // oxlint-disable-next-line vitest/no-disabled-tests -- what an ORM does not have, with the reason
        skip: (name, reason) => test.skip(`${name} (${reason})`, () => {}),
        beforeAll,
        afterAll,
      },
      {
        subject,
        pg,
        admin: () => engineUrl("postgres"),
        ...(results && {
          report: (result) => appendFileSync(results, `${JSON.stringify(result)}\n`),
        }),
      },
    );
  });
}
