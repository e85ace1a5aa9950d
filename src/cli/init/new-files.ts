import { VARIABLES } from "./environment.js";
import { MIDDLEWARE } from "./wire-express.js";
import { inStyle, specifier, type Modules, type Style } from "./style.js";

/** How the generated modules are written. */
export interface Writing {
  readonly style: Style;
  readonly modules: Modules;
  /** Whether `import pg from "pg"` works, where TypeScript is compiled to CommonJS. */
  readonly interop: boolean;
  /** Whether variables are read from `.env` by dotenv. */
  readonly dotenv: boolean;
}

/** A module to be written, in the syntax that both module systems can be made from. */
interface Module {
  readonly imports: readonly (readonly [names: string, module: string])[];
  /** Lines; those that begin with `export const` are exported. */
  readonly body: readonly string[];
}

/** The file that exports `pw`. */
export function entryFile(writing: Writing, poolOptions: ReadonlyMap<string, string>): string {
  const { app, system, registry, secret } = VARIABLES;
  const ssl = poolOptions.get("ssl");
  const others = [...poolOptions].filter(([name]) => name !== "ssl");
  const secured = ssl === undefined ? "" : ", ssl";
  const login = (variable: string, more: string): string =>
    more === "" ? variable : `${variable} && { connectionString: ${variable}${more} }`;
  // What was written elsewhere keeps its quotes.
  const { style } = writing;
  const quote = [...poolOptions.values()].some((text) => /["']/.test(text)) ? '"' : style.quote;
  const own = others.map(([name, text]) => `, ${key(name)}: ${text}`).join("");
  return written(
    { ...writing, style: { ...style, quote } },
    {
      imports: [
        ...(writing.dotenv ? ([["", "dotenv/config"]] as const) : []),
        ["{ createPartywall }", "partywall"],
        ["{ guardPg }", "partywall/guards/postgres"],
        ["{ postgresStore }", "partywall/registry"],
        ["pg", "pg"],
      ],
      body: [
        `const {`,
        ...[app, system, registry, secret].map((variable) => `  ${variable},`),
        `} = process.env;`,
        ...(ssl === undefined ? [] : [`const ssl = ${ssl};`]),
        "",
        "/** The boundary between tenants. Importing this opens nothing. */",
        "export const pw = createPartywall({",
        `  secret: ${secret},`,
        `  store: postgresStore(pg, { connectionString: ${registry}${secured} }),`,
        "  postgres: guardPg(pg, {",
        `    app: ${login(app, `${own}${secured}`)},`,
        `    system: ${login(system, secured)},`,
        "  }),",
        "});",
      ],
    },
  );
}

/** The file that exports the middleware of Express. */
export function tenancyFile(
  writing: Writing,
  options: {
    readonly path: string;
    readonly entry: string;
    /** Whether everybody may enter the tenant whose address is visited. */
    readonly open: boolean;
    /** Paths that belong to no tenant. */
    readonly health: readonly string[];
  },
): string {
  const { path, entry, open, health } = options;
  const paths = health.map((one) => literal(one)).join(", ");
  const isTyped = writing.modules.typescript && health.length > 0;
  return written(writing, {
    imports: [
      ...(isTyped ? ([["type { Request }", "express"]] as const) : []),
      ["{ tenancy }", "partywall/frameworks/express"],
      ["{ subdomain }", "partywall/resolvers"],
      ["{ pw }", specifier(path, entry, writing.modules.ending)],
    ],
    body: [
      "/**",
      " * Puts each request into the scope of the tenant at whose address it was sent: acme, at acme.localhost.",
      ...(open ? [" * Whoever visits the address enters: nothing behind it may be private."] : []),
      " */",
      `export const ${MIDDLEWARE} = tenancy(pw, {`,
      `  resolve: subdomain(process.env["${VARIABLES.domain}"] || "localhost"),`,
      ...(open
        ? []
        : [
            "  // Nobody enters until this says who may. With sessions, for example:",
            "  //   principal: (req) => req.session.userId,",
            "  //   authorize: ({ tenant, principal }) => isMember(principal, tenant.id),",
            "  authorize: () => false,",
          ]),
      ...(health.length === 0
        ? []
        : [
            "  // Asked by machines, which name no tenant: shared tables only.",
            `  routes: (req${isTyped ? ": Request" : ""}) => ([${paths}].includes(req.path) ? "central" : "tenant"),`,
          ]),
      "});",
    ],
  });
}

/** The configuration of the command line; an ES module, whatever the project is. */
export function configFile(
  writing: Writing,
  options: {
    readonly entry: string;
    readonly migrations: string | undefined;
    readonly roles: Readonly<Record<string, string>>;
    /** The variable that holds the address of the database with the login that owns the tables. */
    readonly variable: string;
    /** Id of the tenant that the present rows become the property of. */
    readonly tenant: string;
  },
): string {
  const { entry, migrations, roles, variable, tenant } = options;
  return written(
    { ...writing, modules: { ...writing.modules, system: "esm" } },
    {
      imports: [
        ...(writing.dotenv ? ([["", "dotenv/config"]] as const) : []),
        ["{ definePartywallConfig }", "partywall/cli"],
      ],
      body: [
        "export default definePartywallConfig({",
        `  entry: ${literal(`./${entry}`)},`,
        ...(migrations === undefined ? [] : [`  migrations: ${literal(`./${migrations}`)},`]),
        "  postgres: {",
        "    // With the login that owns the tables.",
        `    url: process.env[${literal(variable)}],`,
        "    roles: {",
        ...Object.entries(roles).map(([name, role]) => `      ${name}: ${literal(role)},`),
        "    },",
        "  },",
        "  // The rows that are there become this tenant's.",
        `  adopt: { tenant: ${literal(tenant)} },`,
        "});",
      ],
    },
  );
}

const key = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : literal(name));

/** A text as a literal, whichever quotes it will stand in. */
function literal(text: string): string {
  return JSON.stringify(text)
    .replaceAll(String.raw`\"`, String.raw`\u0022`)
    .replaceAll("'", String.raw`\u0027`);
}

function written({ style, modules, interop }: Writing, { imports, body }: Module): string {
  const esm = modules.system === "esm" || modules.typescript;
  const lines = imports.map(([names, module]) => {
    if (names === "") return esm ? `import "${module}";` : `require("${module}");`;
    if (!esm) return `const ${names} = require("${module}");`;
    // Without interoperability a default import of a CommonJS module is undefined.
    if (names === "pg" && !interop) return `import pg = require("${module}");`;
    return `import ${names} from "${module}";`;
  });
  const exported = esm
    ? body
    : [...body, ...namesOf(body).map((name) => `exports.${name} = ${name};`)].map((line) =>
        line.replace(/^export (?=const)/, ""),
      );
  return inStyle(`${[...lines, "", ...exported].join("\n")}\n`, style);
}

function namesOf(body: readonly string[]): string[] {
  return body.flatMap((line) => /^export const (\w+)/.exec(line)?.[1] ?? []);
}
