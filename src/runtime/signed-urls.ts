import { createHash } from "node:crypto";
import { PartywallError } from "../errors.js";
import { tenantOf } from "../scope/current.js";
import type { Scope } from "../scope/scope.js";
import type { ResumeOptions, SnapshotOptions } from "../scope/snapshot.js";
import { pathIn } from "./urls/path.js";

const QUARTER_OF_AN_HOUR_MS = 15 * 60 * 1000;
const SIGNED = /^(?<path>[^#]*)[?&]pw-signature=(?<signature>[\w.-]+)$/;

/** The part of a Partywall instance that signs addresses; what `createPartywall` returns fits. */
export interface SignedUrlHost {
  scope(): Scope | undefined;
  snapshot(options?: SnapshotOptions): string;
  resume<T>(snapshot: string, fn: () => T, options?: ResumeOptions): Promise<Awaited<T>>;
}

/** What an address is signed for. */
export interface SignOptions {
  /** The method it may be asked with; `"GET"` unless told, which HEAD passes with too. */
  readonly method?: string;
  /** How long it can be opened, in milliseconds; 15 minutes unless told. */
  readonly expiresInMs?: number;
}

/** Signs and opens addresses of tenants. */
export interface SignedUrls {
  /**
   * The path with the current tenant's signature behind it, for as long as told. Throws `TenantContextError` where no tenant is
   * current, `PW_URL_REFUSED` for a path that could lead elsewhere, and `PW_CONFIG` for a method or time that cannot be.
   */
  sign(path: string, options?: SignOptions): string;
  /**
   * Runs `fn` in the scope of the tenant that signed, with the path that was signed: `url` is path and query as the request has
   * them, an absolute address is taken too. Rejects with `PW_SIGNATURE_REFUSED` for one that is not signed, was signed for another path,
   * query, method or instance, or has expired, with `PW_SCOPE_SWITCH` inside another tenant's scope, and as `pw.run()` does for a tenant
   * that is no longer active.
   */
  open<T>(
    url: string,
    fn: (path: string) => T,
    options?: { readonly method?: string },
  ): Promise<Awaited<T>>;
}

/**
 * Addresses that let whoever has them ask for one path of one tenant, for a time: downloads from {@link tenantFiles}, links in mails.
 * The signature is a snapshot of the scope, HMAC-SHA256 under the instance's secret; the tenant is looked up again when it is opened.
 *
 * @example
 * ```ts
 * import { createPartywall } from "partywall";
 * import { tenantFiles } from "partywall/runtime/files";
 * import { signedUrls } from "partywall/runtime/signed-urls";
 *
 * const pw = createPartywall({ secret: process.env["PARTYWALL_SECRET"] });
 * const files = tenantFiles(pw, { root: "/var/lib/shop/files" });
 * const links = signedUrls(pw);
 * const link = (tenant: string) => pw.run(tenant, () => links.sign("/files/invoice.pdf"));
 * const download = (url: string) =>
 *   links.open(url, (path) => files.readFile(decodeURIComponent(path.slice("/files/".length))));
 * ```
 */
export function signedUrls(pw: SignedUrlHost): SignedUrls {
  return Object.freeze<SignedUrls>({
    sign(path, { method = "GET", expiresInMs = QUARTER_OF_AN_HOUR_MS } = {}) {
      tenantOf(pw.scope());
      const canonical = pathIn(path);
      if (canonical.includes("#") || SIGNED.test(canonical))
        throw new PartywallError(
          "PW_URL_REFUSED",
          "signedUrls(): a path with a fragment or a signature cannot be signed. Sign path and query alone.",
        );
      const signature = pw.snapshot({ expiresInMs, audience: audienceOf(method, canonical) });
      return `${canonical}${canonical.includes("?") ? "&" : "?"}pw-signature=${signature}`;
    },
    async open<T>(
      url: string,
      fn: (path: string) => T,
      { method = "GET" }: { readonly method?: string } = {},
    ): Promise<Awaited<T>> {
      const { path, signature } = SIGNED.exec(relative(url))?.groups ?? {};
      if (path === undefined || signature === undefined) throw notSigned();
      let isOpen = false;
      const work = () => ((isOpen = true), fn(path));
      try {
        return await pw.resume(signature, work, { audience: audienceOf(method, path) });
      } catch (error) {
        // What the work itself throws is the work's.
        if (!isOpen && isOfSignature(error)) throw notSigned(error);
        throw error;
      }
    },
  });
}

function audienceOf(method: unknown, path: string): string {
  if (typeof method !== "string" || !/^[A-Z]+$/.test(method))
    throw new PartywallError(
      "PW_CONFIG",
      'signedUrls(): method is written in capitals, like "GET".',
    );
  const asked = method === "HEAD" ? "GET" : method;
  return `url:${createHash("sha256").update(`${asked} ${path}`).digest("base64url")}`;
}

function relative(url: unknown): string {
  if (typeof url === "string" && url.startsWith("/")) return url;
  if (typeof url !== "string" || !URL.canParse(url)) throw notSigned();
  const { pathname, search, hash } = new URL(url);
  return `${pathname}${search}${hash}`;
}

function isOfSignature(error: unknown): boolean {
  const code = error instanceof PartywallError ? error.code : undefined;
  return code === "PW_SNAPSHOT_INVALID" || code === "PW_SNAPSHOT_EXPIRED";
}

function notSigned(cause?: unknown): PartywallError {
  return new PartywallError(
    "PW_SIGNATURE_REFUSED",
    "The address is not signed for this request, or has expired. Open what signedUrls().sign() gave, unchanged, with the method it was signed for.",
    { cause },
  );
}
