import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("../..", import.meta.url));
const require = createRequire(import.meta.url);

const HEADER = `
datasource db {
  provider = "postgresql"
}
`;

const GENERATORS = {
  "prisma-client-js": `
generator client {
  provider        = "prisma-client-js"
  output          = "./client"
  previewFeatures = ["relationJoins"]
}
`,
  "prisma-client": `
generator client {
  provider = "prisma-client"
  output   = "./client"
}
`,
} as const;

const prisma = join(root, "node_modules/prisma");

/**
 * The folder with the client of these models, as `prisma generate` writes it, in `client`. Generated once for each
 * version of Prisma.
 */
export async function generatePrisma(
  models: string,
  generator: keyof typeof GENERATORS = "prisma-client-js",
): Promise<string> {
  const schema = HEADER + GENERATORS[generator] + models;
  const { version } = require(join(prisma, "package.json")) as { version: string };
  const hash = createHash("sha256").update(version).update(schema).digest("hex").slice(0, 16);
  // Below node_modules, where the client finds its own runtime.
  const cache = join(root, "node_modules/.cache");
  const folder = join(cache, `partywall-prisma-${hash}`);
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const fresh = await mkdtemp(`${folder}-`);
  await writeFile(join(fresh, "schema.prisma"), schema);
  const cli = [join(prisma, "build/index.js"), "generate", "--schema", "schema.prisma"];
  await promisify(execFile)(process.execPath, cli, {
    cwd: fresh,
    // Generating needs no schema engine, but would download one.
    env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: "/bin/true", CHECKPOINT_DISABLE: "1" },
  });
  // Another worker may have been first.
  await rename(fresh, folder).catch(() => rm(fresh, { recursive: true }));
  return folder;
}

/** The generated module of these models: `PrismaClient` and `Prisma`. */
export async function prismaClient(models: string) {
  return require(join(await generatePrisma(models), "client"));
}
