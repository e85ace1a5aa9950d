// Checked by the compiler, never run. Each @ts-expect-error fails the check once the mistake below it compiles.
import {
  createPartywall,
  type ERROR_CODES,
  type ErrorCode,
  type Guard,
  type Partywall,
  type Tenant,
  type TenantKey,
} from "partywall";
import {
  memoryStore,
  postgresInvalidation,
  postgresStore,
  type StandardSchemaV1,
  type TenantStore,
} from "partywall/registry";
import pg from "pg";

// oxlint-disable typescript/no-unnecessary-type-parameters -- what makes the comparison exact
type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
// oxlint-enable typescript/no-unnecessary-type-parameters
declare function same<A, B>(equal: Equal<A, B>): void;

declare const plans: StandardSchemaV1<
  { plan?: "free" | "pro"; limits: number[] },
  { plan: "free" | "pro"; limits: number[] }
>;
declare const optional: StandardSchemaV1<{ plan?: string }, { plan: string }>;
declare const guard: Guard & { readonly pool: { query(text: string): Promise<string[]> } };

// Fields are typed by the schema, all the way down read-only.
const typed = createPartywall({ tenant: { fields: plans }, postgres: guard });
const tenant = typed.current();
same<typeof tenant.fields, { readonly plan: "free" | "pro"; readonly limits: readonly number[] }>(
  true,
);
same<ReturnType<typeof typed.tryCurrent>, typeof tenant | undefined>(true);
// @ts-expect-error a field that the schema does not know
void tenant.fields.nothing;
// @ts-expect-error fields are read-only
tenant.fields.plan = "pro";
// @ts-expect-error and so is what they hold
tenant.fields.limits.push(1);
// @ts-expect-error the tenant is read-only
tenant.id = "globex";
// @ts-expect-error where the tenant lives is not the application's business
void tenant.placement;

// Without a schema they are unknown.
const untyped = createPartywall();
same<typeof untyped extends Partywall ? true : false, true>(true);
same<ReturnType<typeof untyped.current>, Tenant>(true);
// @ts-expect-error unknown until it is checked
const plan: string = untyped.current().fields["plan"];
void plan;

// Writing takes the schema's input.
void typed.tenants.create({ slug: "acme", name: "Acme", fields: { limits: [1] } });
// @ts-expect-error required fields are missing
void typed.tenants.create({ slug: "acme", name: "Acme" });
// @ts-expect-error a plan that does not exist
void typed.tenants.create({ slug: "acme", name: "Acme", fields: { plan: "gold", limits: [] } });
void createPartywall({ tenant: { fields: optional } }).tenants.create({
  slug: "acme",
  name: "Acme",
});
void untyped.tenants.create({ slug: "acme", name: "Acme" });
// @ts-expect-error a slug is required
void untyped.tenants.create({ name: "Acme" });
// @ts-expect-error a status is changed by suspend, restore and delete
void typed.tenants.update("acme", { status: "active" });
same<Awaited<ReturnType<typeof typed.tenants.get>>["fields"], typeof tenant.fields>(true);

// Settings are typed by their schema, all the way down read-only.
declare const shop: StandardSchemaV1<
  { locale: "en" | "de"; copies?: string[] },
  { locale: "en" | "de"; copies: string[] }
>;
const set = createPartywall({ settings: { schema: shop, defaults: { locale: "en" } } });
same<
  ReturnType<typeof set.settings>,
  { readonly locale: "en" | "de"; readonly copies: readonly string[] }
>(true);
same<Awaited<ReturnType<typeof set.tenants.settings>>, ReturnType<typeof set.settings>>(true);
void set.tenants.updateSettings("acme", { locale: "de", copies: undefined });
// @ts-expect-error a locale that does not exist
void set.tenants.updateSettings("acme", { locale: "tlh" });
// @ts-expect-error a setting that the schema does not know
void set.tenants.updateSettings("acme", { language: "de" });
// @ts-expect-error settings are read-only
set.settings().locale = "de";
// @ts-expect-error and so is what they hold
set.settings().copies.push("x");
// @ts-expect-error a setting that the schema does not know
void set.settings().nothing;
// @ts-expect-error the schema needs a default for locale
createPartywall({ settings: { schema: shop } });
// @ts-expect-error a default that the schema does not accept
createPartywall({ settings: { schema: shop, defaults: { locale: "tlh" } } });
same<ReturnType<typeof untyped.settings>, Readonly<Record<string, unknown>>>(true);

// Guards keep the type they came with.
same<typeof typed.postgres, typeof guard>(true);
void typed.postgres.pool.query("select 1");
same<typeof typed.mysql, undefined>(true);
// @ts-expect-error no guard was given
void untyped.postgres.wire;
// @ts-expect-error not a guard
createPartywall({ postgres: pg });

// What the function returns is awaited.
same<ReturnType<typeof typed.run<Promise<Promise<number>>>>, Promise<number>>(true);
declare const lazy: PromiseLike<string[]>;
const run = typed.run("acme", () => lazy);
same<typeof run, Promise<string[]>>(true);
const central = typed.central(() => 7 as const);
same<typeof central, Promise<7>>(true);
const system = typed.system({ reason: "report", actor: "job" }, async () => "done");
same<typeof system, Promise<string>>(true);
// @ts-expect-error a reason is required
void typed.system({}, () => undefined);
// @ts-expect-error a reason is required
void typed.system(() => undefined);

// A tenant is named by exactly one of id and slug.
const keys: TenantKey[] = ["acme", { id: "acme" }, { slug: "acme" }];
void keys;
// @ts-expect-error both
void typed.run({ id: "acme", slug: "acme" }, () => undefined);
// @ts-expect-error neither
void typed.run({}, () => undefined);
// @ts-expect-error a number
void typed.run(7, () => undefined);

// bind keeps the signature.
const bound = typed.bind((a: number, b: string) => [a, b] as const);
same<Parameters<typeof bound>, [a: number, b: string]>(true);
same<ReturnType<typeof bound>, readonly [number, string]>(true);

void typed.each((one) => same<typeof one.fields, typeof tenant.fields>(true));
const off: () => void = typed.on("entering", () => () => undefined);
off();
typed.on("audit", (event) => {
  if (event.type === "system") void event.reason;
  // @ts-expect-error a denial has no reason
  else void event.reason;
});
// @ts-expect-error no such event
typed.on("opened", () => undefined);

// The caller's own pg is what the registry takes.
const store: TenantStore = postgresStore(pg, {
  connectionString: process.env["URL"],
  max: 1,
  ssl: true,
});
createPartywall({
  store,
  invalidation: postgresInvalidation(pg, { connectionString: "" }),
  cache: false,
  secret: process.env["SECRET"],
});
createPartywall({ store: memoryStore(), secret: ["new", "old"], cache: { ttlMs: 1 } });
// @ts-expect-error not a store
createPartywall({ store: {} });

const code: ErrorCode = "PW_NO_SCOPE";
same<keyof typeof ERROR_CODES, ErrorCode>(true);
void code;
