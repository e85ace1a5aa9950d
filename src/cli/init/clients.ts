import type { Expression, Syntax } from "../../adopt/schema-files/syntax.js";
import { lineAt } from "../../adopt/schema-files/text-edits.js";
import type { Origin } from "./identifiers.js";
import { nodesOf } from "../../adopt/schema-files/tree.js";
import type { Driver, Orm } from "./names.js";
import type { SourceFile, SourceFiles } from "./source-file.js";

/** What a call or a class constructs. */
export type ClientKind = "pg.Pool" | "pg.Client" | "express" | Exclude<Orm, "none"> | Driver;

/** A place where the source constructs a database client or an Express application. */
export interface ClientSite {
  readonly kind: ClientKind;
  readonly path: string;
  /** Counted from one. */
  readonly line: number;
  /** As it begins in the source: `new Pool(`. */
  readonly text: string;
  /** What the file is for. Only an application's clients are wired; what migrates needs its own login. */
  readonly purpose: "application" | "tool" | "test";
}

/** A {@link ClientSite} with its syntax. */
export interface ClientNode extends ClientSite {
  readonly file: SourceFile;
  readonly node: Syntax<"NewExpression"> | Syntax<"CallExpression">;
  /** The module that the class or function comes from. */
  readonly origin: Origin;
}

type Constructor = readonly [
  kind: ClientKind,
  module: RegExp,
  name: RegExp,
  by: "new" | "call" | "either",
];

const MODULE_ITSELF = "default|\\*";
const itself = (names = ""): RegExp => new RegExp(`^(?:${MODULE_ITSELF}${names && `|${names}`})$`);

const CONSTRUCTORS: readonly Constructor[] = [
  ["pg.Pool", /^pg$/, /^Pool$/, "either"],
  ["pg.Pool", /^pg-pool$/, itself(), "either"],
  ["pg.Client", /^pg$/, /^Client$/, "new"],
  ["drizzle", /^drizzle-orm\//, /^drizzle$/, "call"],
  ["kysely", /^kysely$/, /^Kysely$/, "new"],
  ["knex", /^knex$/, itself("knex"), "call"],
  ["typeorm", /^typeorm$/, /^(?:DataSource|createConnection)$/, "either"],
  [
    "sequelize",
    /^(?:sequelize|sequelize-typescript|@sequelize\/core)$/,
    itself("Sequelize"),
    "new",
  ],
  ["mikro-orm", /^@mikro-orm\/(?:core|postgresql)$/, /^MikroORM$/, "new"],
  ["prisma", /(?:^@prisma\/client$|prisma\/client)/, /^PrismaClient$/, "new"],
  ["postgres.js", /^postgres$/, itself(), "call"],
  ["neon", /^@neondatabase\/serverless$/, /^(?:neon|Pool|Client)$/, "either"],
  ["mysql2", /^mysql2(?:\/promise)?$/, /^create(?:Pool|Connection|PoolCluster)$/, "call"],
  ["mongodb", /^mongodb$/, /^MongoClient$/, "new"],
  ["mongoose", /^mongoose$/, /^(?:connect|createConnection)$/, "call"],
  ["express", /^express$/, itself("express"), "call"],
];

/** Every place of the source that constructs a client, in the order of paths and lines. */
export function findClients(files: SourceFiles): ClientNode[] {
  return files.paths.flatMap((path) => {
    const file = mayConstruct(files.text(path)) ? files.get(path) : undefined;
    return file === undefined ? [] : clientsIn(file);
  });
}

/** The files that cannot be read and may construct a client. */
export function unreadable(files: SourceFiles): string[] {
  return files.paths.filter(
    (path) => mayConstruct(files.text(path)) && files.get(path) === undefined,
  );
}

// Reading a tree takes long, and most files of an application construct nothing.
const WORDS =
  /\b(?:pg|pg-pool|drizzle-orm|kysely|knex|typeorm|sequelize|prisma|postgres|neondatabase|mysql2|mongodb|mongoose|express|mikro-orm)\b/;
const mayConstruct = (text: string): boolean => WORDS.test(text);

function clientsIn(file: SourceFile): ClientNode[] {
  const found: ClientNode[] = [];
  for (const node of nodesOf(file.program)) {
    if (node.type !== "NewExpression" && node.type !== "CallExpression") continue;
    const origin = file.names.origin(made(node));
    if (origin === undefined) continue;
    const kind = kindOf(node, origin);
    if (kind === undefined) continue;
    const start = node.start ?? 0;
    found.push({
      kind,
      path: file.path,
      line: lineAt(file.text, start),
      text: `${file.text.slice(start, node.callee.end ?? start)}(`,
      purpose: purposeOf(file.path),
      file,
      node,
      origin,
    });
  }
  return found;
}

// The class, of a method of the class that constructs it.
function made({ type, callee }: ClientNode["node"]): Expression {
  const isInit =
    type === "CallExpression" &&
    callee.type === "MemberExpression" &&
    callee.property.type === "Identifier" &&
    /^init(?:Sync)?$/.test(callee.property.name);
  return (isInit ? callee.object : callee) as Expression;
}

function kindOf({ type }: ClientNode["node"], { module, name }: Origin): ClientKind | undefined {
  const by = type === "NewExpression" || name === "MikroORM" ? "new" : "call";
  return CONSTRUCTORS.find(
    ([, from, called, how]) =>
      from.test(module) && called.test(name) && (how === "either" || how === by),
  )?.[0];
}

const TESTS =
  /(?:^|\/)(?:__tests__|__mocks__|tests?|specs?|e2e|fixtures)\/|\.(?:test|spec|e2e)\.[cm]?[jt]sx?$/;
const TOOLS =
  /(?:^|\/)(?:scripts?|bin|tools?|migrations?|seeds?|seeders?|bench(?:marks?)?|prisma)\/|(?:^|\/)(?:seed|migrat|knexfile)[\w-]*\.[cm]?[jt]sx?$|\.config\.[cm]?[jt]s$/;

/** What a file is for, by its place and name. */
export function purposeOf(path: string): ClientSite["purpose"] {
  return TESTS.test(path) ? "test" : TOOLS.test(path) ? "tool" : "application";
}

/** A site without its syntax, as it is shown. */
export function siteOf({ kind, path, line, text, purpose }: ClientNode): ClientSite {
  return { kind, path, line, text, purpose };
}
