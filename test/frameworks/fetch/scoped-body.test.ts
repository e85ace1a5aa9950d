import { createPartywall, type Partywall } from "partywall";
import { afterAll, beforeAll, expect, test } from "vitest";
import { scopedBody } from "../../../src/frameworks/scoped-body.js";

let pw: Partywall;
beforeAll(async () => {
  pw = createPartywall();
  await pw.tenants.create({ id: "a", slug: "a", name: "A" });
});
afterAll(async () => pw.close());

/** A body made in the tenant's scope, and what its source saw of the scope when it was read and given up. */
const made = async () => {
  const seen: [string, string | undefined][] = [];
  const note = (what: string) => void seen.push([what, pw.tryCurrent()?.id]);
  const source = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => (note("read"), controller.enqueue(new Uint8Array(1))),
      cancel: () => note("given up"),
    },
    { highWaterMark: 0 },
  );
  return { seen, ...(await pw.run("a", () => scopedBody(source))) };
};

test("a body is read and given up in the scope that made it, whoever asks", async () => {
  const { seen, body, done } = await made();
  const reader = body.getReader();
  await reader.read();
  await reader.cancel();
  await done;
  expect(pw.tryCurrent()).toBeUndefined();
  expect(seen).toEqual([
    ["read", "a"],
    ["given up", "a"],
  ]);
});

test("nothing is read before somebody asks", async () => {
  const { seen, body } = await made();
  expect(seen).toEqual([]);
  await body.cancel();
  expect(seen).toEqual([["given up", "a"]]);
});
