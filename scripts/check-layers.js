// Fails when an import under src/ flows against the layers, when a file is in no layer, when a package is imported
// that the core may not depend on, or when files import each other in a circle.
//
//   node scripts/check-layers.js [repository]
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { conclude, filesUnder, importsOf, textOf } from "./source-tree.js";

/**
 * The layers. A layer may import itself, `errors` and what `may` names; `mayType` only with `import type`.
 * `files` is a folder (ending in a slash) or single files, relative to src/.
 */
const LAYERS = {
  errors: { files: ["errors.ts"], may: [] },
  scope: { files: ["scope/"], may: [] },
  registry: { files: ["registry/"], may: ["scope"] },
  core: { files: ["partywall.ts", "index.ts"], may: ["scope", "registry"] },
  resolvers: { files: ["resolvers/"], may: ["registry", "scope"] },
  frameworks: { files: ["frameworks/"], may: ["resolvers", "scope"], mayType: ["core"] },
  guards: { files: ["guards/"], may: ["scope"] },
  adapters: { files: ["adapters/"], may: ["guards", "scope"] },
  adopt: { files: ["adopt/"], may: ["guards", "registry", "scope"] },
  tenants: { files: ["tenants/"], may: ["guards", "registry", "scope"] },
  runtime: { files: ["runtime/"], may: ["scope"] },
  testing: {
    files: ["testing/"],
    may: ["core", "scope", "registry", "guards", "tenants"],
  },
  control: {
    files: ["control/"],
    may: [
      "core",
      "scope",
      "registry",
      "resolvers",
      "frameworks",
      "guards",
      "tenants",
      "adapters",
      "runtime",
    ],
  },
  cli: {
    files: ["cli/"],
    may: [
      "control",
      "core",
      "scope",
      "registry",
      "resolvers",
      "frameworks",
      "guards",
      "adapters",
      "adopt",
      "tenants",
      "runtime",
    ],
  },
};

/** The packages that shipped code may import, and where. Everything else is passed in by the caller. */
const PACKAGES = {
  "@nestjs/common": [
    "frameworks/nest/decorators.ts",
    "frameworks/nest/event.ts",
    "frameworks/nest/guard.ts",
    "frameworks/nest/http.ts",
    "frameworks/nest/interceptor.ts",
    "frameworks/nest/message.ts",
    "frameworks/nest/module.ts",
    "frameworks/nest/options.ts",
    "frameworks/nest/refused.ts",
    "frameworks/nest/tenancy.ts",
  ],
  "@nestjs/core": [
    "frameworks/nest/decorators.ts",
    "frameworks/nest/message.ts",
    "frameworks/nest/module.ts",
    "frameworks/nest/served.ts",
  ],
  jose: ["resolvers/jwt.ts", "resolvers/jwt-key.ts"],
  rxjs: [
    "frameworks/nest/client.ts",
    "frameworks/nest/event.ts",
    "frameworks/nest/http.ts",
    "frameworks/nest/in-scope.ts",
    "frameworks/nest/interceptor.ts",
    "frameworks/nest/message.ts",
    "frameworks/nest/refused.ts",
  ],
  jiti: ["cli/module-loader.ts"],
  "@babel/parser": [
    "adopt/schema-files/drizzle-source.ts",
    "adopt/schema-files/module-files.ts",
    "adopt/schema-files/syntax.ts",
    "cli/init/source-file.ts",
    "cli/init/tsconfig.ts",
  ],
};

const root = process.argv[2] ?? fileURLToPath(new URL("..", import.meta.url));
const src = join(root, "src");
const files = filesUnder(src, ".ts");
const faults = [];
const edges = new Map();

for (const file of files) {
  const layer = layerOf(file);
  if (!layer) {
    faults.push(
      `src/${file}:1 is in no layer. Move it into one of ${Object.keys(LAYERS).join(", ")}, or give it a row in scripts/check-layers.js.`,
    );
    continue;
  }
  const targets = [];
  for (const { specifier, typeOnly, line } of importsOf(textOf(join(src, file)))) {
    const at = `src/${file}:${line}`;
    if (specifier.startsWith(".")) {
      const target = normalize(join(dirname(file), specifier)).replace(/\.js$/, ".ts");
      if (!files.includes(target)) {
        faults.push(
          `${at} imports ${specifier}, which is no file under src/. Name an existing file, with .js.`,
        );
        continue;
      }
      // `import type` leaves nothing behind at run time, so it closes no circle.
      if (!typeOnly) targets.push({ target, line });
      checkFlow(at, layer, layerOf(target), target, typeOnly);
    } else {
      checkPackage(at, file, specifier);
    }
  }
  edges.set(file, targets);
}
for (const circle of circles()) faults.push(circle);

conclude("check-layers", faults, `${files.length} files, every import flows one way.`);

function layerOf(file) {
  return Object.keys(LAYERS).find((name) =>
    LAYERS[name].files.some((place) =>
      place.endsWith("/") ? file.startsWith(place) : file === place,
    ),
  );
}

function checkFlow(at, from, to, target, typeOnly) {
  if (!to || from === to || to === "errors") return;
  const { may, mayType = [] } = LAYERS[from];
  if (may.includes(to)) return;
  if (mayType.includes(to)) {
    if (typeOnly) return;
    faults.push(
      `${at} imports src/${target}: ${from} may take only types from ${to}. Write "import type".`,
    );
    return;
  }
  const allowed = ["errors", ...may, ...mayType.map((name) => `${name} (types)`)].join(", ");
  faults.push(
    `${at} imports src/${target}: ${from} may import ${allowed}, not ${to}. ` +
      `Move what is shared down into a layer both may import, or pass it in.`,
  );
}

function checkPackage(at, file, specifier) {
  if (specifier.startsWith("node:")) return;
  if (PACKAGES[specifier]?.includes(file)) return;
  const allowed = Object.entries(PACKAGES).map(
    ([name, places]) => `${name} in ${places.join(", ")}`,
  );
  faults.push(
    `${at} imports the package ${specifier}: the core has no runtime dependency (allowed: node: builtins; ${allowed.join("; ")}). ` +
      `Let the caller pass it in, and type the slice that is used.`,
  );
}

/** One description per circle of imports, found depth first. */
function circles() {
  const found = [];
  const done = new Set();
  const path = [];
  const visit = (file) => {
    const start = path.indexOf(file);
    if (start >= 0) {
      const ring = [...path.slice(start), file];
      const { line } = edges.get(ring[0]).find(({ target }) => target === ring[1]);
      found.push(
        `src/${ring[0]}:${line} begins a circle of imports: ${ring.join(" -> ")}. Move what they share into a file of its own.`,
      );
      return;
    }
    if (done.has(file)) return;
    path.push(file);
    for (const { target } of edges.get(file) ?? []) visit(target);
    path.pop();
    done.add(file);
  };
  for (const file of edges.keys()) visit(file);
  return found;
}
