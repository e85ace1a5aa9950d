import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPartywall, type Partywall } from "partywall";
import { tenantFiles } from "partywall/runtime/files";
import { signedUrls, type SignedUrls } from "partywall/runtime/signed-urls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const secret = "s".repeat(32);
const refusal = (code: string) => expect.objectContaining({ code });

let pw: Partywall;
let links: SignedUrls;
beforeAll(async () => {
  pw = createPartywall({ secret });
  for (const id of ["a", "b", "c"]) await pw.tenants.create({ id, slug: id, name: id });
  links = signedUrls(pw);
});
afterAll(async () => pw.close());

const sign = async (path: string, options?: Parameters<SignedUrls["sign"]>[1]) =>
  pw.run("a", () => links.sign(path, options));
const open = async (url: string, method?: string) =>
  links.open(url, (path) => [pw.current().id, path], method === undefined ? {} : { method });

describe("signed addresses", () => {
  test.each(["/files/7.pdf", "/files/a%20b.pdf?page=1&size=2", "/", "/ü"])(
    "%s opens its tenant's scope, and nothing else's",
    async (path) => {
      const url = await sign(path);
      const { pathname, search } = new URL(path, "http://x");
      expect(await open(url)).toEqual(["a", pathname + search]);
      expect(await open(`https://shop.example.com${url}`)).toEqual(["a", pathname + search]);
      expect(pw.tryCurrent()).toBeUndefined();
    },
  );

  test.each<[string, (url: string) => string]>([
    ["another path", (url) => url.replace("7", "8")],
    ["another query", (url) => url.replace("page=1", "page=2")],
    ["no query", (url) => url.replace("page=1&", "")],
    ["an encoded path", (url) => url.replace("files", "file%73")],
    ["a changed signature", (url) => `${url.slice(0, -1)}${url.endsWith("A") ? "B" : "A"}`],
    ["two signatures", (url) => `${url}&${url.split("?page=1&")[1]}`],
  ])("is refused with %s", async (_what, change) => {
    const url = await sign("/files/7.pdf?page=1");
    expect(change(url)).not.toBe(url);
    await expect(open(change(url))).rejects.toEqual(refusal("PW_SIGNATURE_REFUSED"));
  });

  test.each([
    "/files/7.pdf",
    "",
    "x",
    "/x?pw-signature=",
    "/x?pw-signature=a.b#c",
    "/x?pw-signature=a.b&y=1",
  ])("is refused without a signature at its end: %s", async (url) => {
    await expect(open(url)).rejects.toEqual(refusal("PW_SIGNATURE_REFUSED"));
  });

  test.each(["../x", "//other/x", "/a/../b", "/a%2f..%2fb", "/a\\b", "/a#b"])(
    "is not made for %s",
    async (path) => {
      await expect(sign(path)).rejects.toEqual(refusal("PW_URL_REFUSED"));
    },
  );

  test("is good for its method", async () => {
    const url = await sign("/x");
    expect(await open(url, "HEAD")).toEqual(["a", "/x"]);
    await expect(open(url, "PUT")).rejects.toEqual(refusal("PW_SIGNATURE_REFUSED"));
    expect(await open(await sign("/x", { method: "PUT" }), "PUT")).toEqual(["a", "/x"]);
    await expect(sign("/x", { method: "get" })).rejects.toEqual(refusal("PW_CONFIG"));
  });

  test("is made in a tenant's scope only", async () => {
    expect(() => links.sign("/x")).toThrow(refusal("PW_NO_SCOPE"));
    await expect(pw.central(() => links.sign("/x"))).rejects.toEqual(refusal("PW_CENTRAL_SCOPE"));
    await expect(pw.system({ reason: "x" }, () => links.sign("/x"))).rejects.toEqual(
      refusal("PW_CENTRAL_SCOPE"),
    );
  });

  test("ends with its time, its tenant's suspension and its instance", async () => {
    const short = await sign("/x", { expiresInMs: 1 });
    await expect
      .poll(async () => open(short).catch((error: { code: string }) => error.code))
      .toBe("PW_SIGNATURE_REFUSED");
    const url = await pw.run("c", () => links.sign("/x"));
    await pw.tenants.suspend("c");
    await expect(open(url)).rejects.toEqual(refusal("PW_TENANT_SUSPENDED"));
    const other = createPartywall({ secret: "t".repeat(32), realm: "other" });
    await expect(signedUrls(other).open(await sign("/x"), () => 1)).rejects.toEqual(
      refusal("PW_SIGNATURE_REFUSED"),
    );
    await other.close();
  });

  test("hands on what the work throws", async () => {
    const failed = () => pw.resume("no snapshot", () => 1);
    await expect(links.open(await sign("/x"), failed)).rejects.toEqual(
      refusal("PW_SNAPSHOT_INVALID"),
    );
  });

  test("does not lead out of another tenant's scope, and a bare snapshot opens no address", async () => {
    const url = await sign("/x");
    await expect(pw.run("b", () => open(url))).rejects.toEqual(refusal("PW_SCOPE_SWITCH"));
    expect(await pw.run("a", () => open(url))).toEqual(["a", "/x"]);
    const snapshot = await pw.run("a", () => pw.snapshot());
    await expect(open(`/x?pw-signature=${snapshot}`)).rejects.toEqual(
      refusal("PW_SIGNATURE_REFUSED"),
    );
    const signature = url.split("pw-signature=")[1]!;
    await expect(pw.resume(signature, () => 1)).rejects.toEqual(refusal("PW_SNAPSHOT_INVALID"));
  });

  test("gives a file over HTTP, to whoever has it", async () => {
    const root = await mkdtemp(join(tmpdir(), "partywall-signed-"));
    const files = tenantFiles(pw, { root });
    for (const tenant of ["a", "b"])
      await pw.run(tenant, () => files.writeFile("7.txt", `${tenant}'s`));
    const server = createServer((req, res) => {
      const read = (path: string) =>
        files.readFile(decodeURIComponent(path.slice("/files/".length)), "utf8");
      links.open(req.url!, read, { method: req.method! }).then(
        (text) => res.end(text),
        (error: { status: number }) => res.writeHead(error.status).end(),
      );
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      const url = await pw.run("b", () => links.sign("/files/7.txt"));
      expect(await (await fetch(base + url)).text()).toBe("b's");
      for (const [address, method] of [
        [url.replace("7.txt", "8.txt"), "GET"],
        ["/files/7.txt", "GET"],
        [url, "DELETE"],
      ] as const)
        expect((await fetch(base + address, { method })).status).toBe(403);
    } finally {
      server.closeAllConnections();
      server.close();
      await rm(root, { recursive: true });
    }
  });
});
