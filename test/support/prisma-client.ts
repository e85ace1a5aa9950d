import { execFile } from "node:child_process";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
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

/** Generates a client of these models as `prisma generate` does, and gives the folder in which it is: `<folder>/client`. */
export async function generatePrisma(
  models: string,
  generator: keyof typeof GENERATORS = "prisma-client-js",
): Promise<string> {
  // Below node_modules, where the client finds its own runtime.
  const cache = join(root, "node_modules/.cache");
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, "partywall-prisma-"));
  await writeFile(join(folder, "schema.prisma"), HEADER + GENERATORS[generator] + models);
  const cli = join(root, "node_modules/prisma/build/index.js");
  await promisify(execFile)(process.execPath, [cli, "generate", "--schema", "schema.prisma"], {
    cwd: folder,
    // Generating needs no schema engine, but would download one.
    env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: "/bin/true", CHECKPOINT_DISABLE: "1" },
  });
  return folder;
}

/** The generated module of these models: `PrismaClient` and `Prisma`. */
export async function prismaClient(models: string) {
  return require(join(await generatePrisma(models), "client"));
}
