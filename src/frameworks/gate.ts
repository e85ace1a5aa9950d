import { PartywallError } from "../errors.js";
import type { ErrorCode } from "../errors.js";
import { chain } from "../resolvers/chain.js";
import type { Chain } from "../resolvers/chain.js";
import type { Identifier, ResolverRequest } from "../resolvers/resolver.js";
import type { Tenant } from "../scope/tenant.js";
import { checkedOptions } from "./options-check.js";
import type { Refusal, TenancyHost, TenancyOptions } from "./options.js";
import { isRefusal, memberProblem, outsiderProblem } from "./problem.js";
import type { Problem } from "./problem.js";

/** Decides about a request and runs it in its scope; every framework is a thin file around one of these. */
export interface Gate<Req> {
  /** Request headers the decision depends on. */
  readonly vary: readonly string[];
  /**
   * Runs `inside` in the request's scope and gives back its value, or the problem to answer with when the request was
   * refused and `inside` not called. Rejects with whatever the application's own hooks and `inside` throw.
   */
  pass<T>(request: ResolverRequest, req: Req, inside: () => T): Promise<Passage<Awaited<T>>>;
}

/** What became of a request at the {@link Gate}. */
export type Passage<T> = { readonly value: T } | { readonly problem: Problem };

/** What admits a request, or refuses it. `member` is whether `authorize` said `true`. */
interface Verdict<F> {
  readonly tenant: Tenant<F> | undefined;
  readonly identifiers: readonly Identifier[];
  readonly member: boolean;
  /** Who acts in the tenant. */
  readonly principal?: unknown;
  readonly refused?: PartywallError;
}

/**
 * Builds the gate of a framework. Throws `PW_CONFIG` when a spoofable resolver has neither `authorize` nor `trust` to
 * stand on, or an option cannot be meant.
 */
export function gate<Req, Principal, F>(
  host: TenancyHost<F>,
  given: TenancyOptions<Req, Principal, F>,
  frameworkOptions: readonly string[] = [],
): Gate<Req> {
  const options = checkedOptions(given, frameworkOptions);
  const resolvers = chain([options.resolve].flat());
  if (options.authorize === undefined && resolvers.unvouched.length > 0)
    throw new PartywallError(
      "PW_CONFIG",
      `tenancy() has no authorize, and a client can write what it likes where ${resolvers.unvouched.join(", ")} reads. ` +
        'Give authorize, or state on that resolver why its source can be trusted: { trust: "…" }.',
    );
  return {
    vary: resolvers.vary,
    async pass(request, req, inside) {
      const kind = options.routes === undefined ? "tenant" : await options.routes(req);
      if (kind === "central") return { value: await host.central(inside) };
      if (kind !== "tenant" && kind !== "universal")
        throw new PartywallError(
          "PW_CONFIG",
          'routes() of tenancy() must return "tenant", "central" or "universal".',
        );
      const verdict = await judge(host, options, resolvers, request, req);
      if (verdict.refused !== undefined) return refuse(verdict, verdict.refused, req);
      if (verdict.tenant !== undefined) return enter(verdict, verdict.tenant.id, req, inside);
      if (kind === "universal") return { value: await host.central(inside) };
      return refuse(verdict, refusal("PW_TENANT_UNRESOLVED"), req);
    },
  };

  async function enter<T>(
    verdict: Verdict<F>,
    id: string,
    req: Req,
    inside: () => T,
  ): Promise<Passage<Awaited<T>>> {
    let entered = false;
    const entering = () => {
      entered = true;
      return inside();
    };
    try {
      return { value: await host.run<T>({ id }, entering, { principal: verdict.principal }) };
    } catch (error) {
      // run() looks the tenant up again: it may have been suspended or deleted since.
      if (entered || !isRefusal(error)) throw error;
      return refuse(verdict, error, req);
    }
  }

  async function refuse(verdict: Verdict<F>, error: PartywallError, req: Req) {
    const { tenant, identifiers, member } = verdict;
    const refused: Refusal<F> = Object.freeze({ error, tenant, identifiers });
    await options.onRefusal?.(refused, req);
    return {
      problem: member ? memberProblem(error.code) : outsiderProblem(error.code, identifiers.length),
    };
  }
}

async function judge<Req, Principal, F>(
  host: TenancyHost<F>,
  { authorize, principal, enterAs }: TenancyOptions<Req, Principal, F>,
  resolvers: Chain,
  request: ResolverRequest,
  req: Req,
): Promise<Verdict<F>> {
  const identifiers = await refusable(() => resolvers.resolve(request));
  if (identifiers instanceof PartywallError)
    return { tenant: undefined, identifiers: [], member: false, refused: identifiers };
  const [identifier] = identifiers;
  if (identifier === undefined) return { tenant: undefined, identifiers, member: false };

  // Before the lookup, so that a failing principal() does not tell which tenants exist.
  const actor = (await principal?.(req)) as Principal;
  const tenant = await refusable(() => lookUp(host, identifiers));
  if (tenant instanceof PartywallError)
    return { tenant: undefined, identifiers, member: false, refused: tenant };

  const asked = Object.freeze({ tenant, identifier, identifiers, principal: actor, req });
  // Exactly true: a truthy object is the mark of a forgotten await, or of a record that says no.
  const member = authorize !== undefined && (await authorize(asked)) === true;
  const refused =
    authorize !== undefined && !member ? refusal("PW_TENANT_FORBIDDEN") : shut(tenant);
  if (refused !== undefined) return { tenant, identifiers, member, refused };
  return {
    tenant,
    identifiers,
    member,
    principal: enterAs === undefined ? actor : await enterAs(asked),
  };
}

const KEYS = {
  id: (id: string) => ({ id }),
  slug: (slug: string) => ({ slug }),
  domain: (domain: string) => ({ domain }),
};

async function lookUp<F>(
  host: TenancyHost<F>,
  identifiers: readonly Identifier[],
): Promise<Tenant<F>> {
  const finding = identifiers.map(({ by, value }) => host.tenants.find(KEYS[by](value)));
  const found = finding.length === 1 ? [await finding[0]] : await Promise.all(finding);
  const [tenant] = found;
  if (found.some((other) => other?.id !== tenant?.id)) throw refusal("PW_TENANT_AMBIGUOUS");
  if (tenant === undefined) throw refusal("PW_TENANT_UNKNOWN");
  // What is found may be the registry's record; placement is not for authorize() and logs.
  const { id, slug, name, status, fields } = tenant;
  return Object.freeze({ id, slug, name, status, fields });
}

/** Why a tenant cannot be entered by anybody at present. */
function shut<F>({ status }: Tenant<F>): PartywallError | undefined {
  if (status === "active") return undefined;
  if (status === "suspended") return refusal("PW_TENANT_SUSPENDED");
  return refusal(status === "provisioning" ? "PW_TENANT_NOT_READY" : "PW_TENANT_UNKNOWN");
}

/** The value, or the refusal it ended in; any other error is thrown on. */
async function refusable<T>(work: () => Promise<T>): Promise<T | PartywallError> {
  try {
    return await work();
  } catch (error) {
    if (isRefusal(error)) return error;
    throw error;
  }
}

const REASONS = {
  PW_TENANT_UNRESOLVED: "No resolver found a tenant in the request.",
  PW_TENANT_UNKNOWN: "No tenant has the identifier in the request.",
  PW_TENANT_AMBIGUOUS: "The identifiers in the request do not lead to one tenant. Send only one.",
  PW_TENANT_FORBIDDEN: "authorize() did not return true for the tenant of the request.",
  PW_TENANT_SUSPENDED: "The tenant of the request is suspended.",
  PW_TENANT_NOT_READY: "The tenant of the request is still being provisioned. Try again later.",
} as const satisfies Partial<Record<ErrorCode, string>>;

function refusal(code: keyof typeof REASONS): PartywallError {
  return new PartywallError(code, REASONS[code]);
}
