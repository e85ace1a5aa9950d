// Fails when the public paths disagree: package.json's exports, src/, dist/, tsconfig.json's paths, and the docs pages;
// and when an index.ts holds anything but re-exports by name. Needs a build.
//
//   node scripts/check-exports.js [repository]
//
// A public path is its source folder is its docs page:
//   partywall                     src/index.ts                    docs/reference/partywall.md
//   partywall/frameworks/express  src/frameworks/express.ts       docs/frameworks/express.md   (likewise adapters/, guards/, runtime/)
//   partywall/guards/postgres     src/guards/postgres/index.ts    docs/reference/guards/postgres.md
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { conclude, filesUnder, lineAt, textOf } from "./source-tree.js";

const root = process.argv[2] ?? fileURLToPath(new URL("..", import.meta.url));
const faults = [];
const manifest = JSON.parse(textOf(join(root, "package.json")));
const tsconfig = JSON.parse(textOf(join(root, "tsconfig.json")));

const entries = Object.entries(manifest.exports).filter(([, target]) => typeof target !== "string");
const modules = new Map(entries.map(([subpath, target]) => [subpath, moduleOf(subpath, target)]));

checkSources();
checkPaths();
checkBuild();
checkDocs();
checkIndexes();
conclude(
  "check-exports",
  faults,
  `${modules.size} public paths agree with src, dist, tsconfig.json and docs.`,
);

/** `./guards/postgres` -> `guards/postgres/index`: the module behind a public path, as its target names it. */
function moduleOf(subpath, target) {
  const module = /^\.\/dist\/(.+)\.js$/.exec(target.default)?.[1];
  const own = subpath.slice(2);
  const expected = own === "" ? ["index"] : [own, `${own}/index`];
  if (!module || !expected.includes(module)) {
    faults.push(
      `package.json: exports["${subpath}"] leads to ${target.default}. Name ./dist/${expected.join(".js or ./dist/")}.js: the public path is the source folder.`,
    );
    return expected[0];
  }
  if (target.types !== `./dist/${module}.d.ts`) {
    faults.push(
      `package.json: exports["${subpath}"].types is ${target.types}. Name ./dist/${module}.d.ts.`,
    );
  }
  if (Object.keys(target)[0] !== "types") {
    faults.push(
      `package.json: exports["${subpath}"] must name "types" first, or TypeScript does not see it.`,
    );
  }
  return module;
}

function checkSources() {
  for (const [subpath, module] of modules) {
    if (!existsSync(join(root, "src", `${module}.ts`))) {
      faults.push(
        `package.json: exports["${subpath}"] has no source src/${module}.ts. Add the file or drop the export.`,
      );
    }
  }
  // What lies where public modules lie is public: an index.ts, an adapter, a framework.
  const known = new Set(modules.values());
  for (const file of filesUnder(join(root, "src"), "index.ts")) {
    const module = file.replace(/\.ts$/, "");
    if (file.endsWith("/index.ts") && !known.has(module)) {
      faults.push(
        `src/${file}:1 is in no export of package.json. Add "./${module.replace(/\/index$/, "")}", or drop the file.`,
      );
    }
  }
}

function checkPaths() {
  const paths = tsconfig.compilerOptions?.paths ?? {};
  for (const [subpath, module] of modules) {
    const name = specifier(subpath);
    const expected = `./src/${module}.ts`;
    if (paths[name]?.[0] !== expected || paths[name].length !== 1) {
      faults.push(
        `tsconfig.json: paths["${name}"] is ${JSON.stringify(paths[name])}. Set it to ["${expected}"].`,
      );
    }
  }
  const names = new Set([...modules.keys()].map(specifier));
  for (const name of Object.keys(paths)) {
    if (!names.has(name))
      faults.push(`tsconfig.json: paths["${name}"] is no export of package.json. Remove it.`);
  }
}

function checkBuild() {
  const sources = new Set(
    filesUnder(join(root, "src"), ".ts").map((file) => file.replace(/\.ts$/, "")),
  );
  const built = new Set(
    filesUnder(join(root, "dist"), ".js").map((file) => file.replace(/\.js$/, "")),
  );
  if (built.size === 0) {
    faults.push("dist/ holds nothing. Run npm run build.");
    return;
  }
  for (const module of sources) {
    if (!built.has(module)) faults.push(`src/${module}.ts:1 is not in dist/. Run npm run build.`);
    else if (!existsSync(join(root, "dist", `${module}.d.ts`)))
      faults.push(`dist/${module}.d.ts is missing. Run npm run build.`);
  }
  for (const module of built) {
    if (!sources.has(module))
      faults.push(`dist/${module}.js has no source any more. Run npm run build.`);
  }
}

function checkDocs() {
  const pages = new Map(
    [...modules.keys()].map((subpath) => [pageOf(subpath), specifier(subpath)]),
  );
  for (const [page, name] of pages) {
    const text = textOf(join(root, page));
    if (text === undefined) faults.push(`${name} has no page. Write ${page}.`);
    else if (!text.includes(`"${name}"`))
      faults.push(`${page}:1 never imports from "${name}", which is the page's subject. Show it.`);
  }
  for (const page of filesUnder(join(root, "docs", "frameworks"), ".md")) {
    if (page !== "README.md" && !pages.has(`docs/frameworks/${page}`)) {
      faults.push(
        `docs/frameworks/${page}:1 is about no export of package.json. Export it or remove the page.`,
      );
    }
  }
}

function pageOf(subpath) {
  const own = subpath.slice(2);
  if (own === "") return "docs/reference/partywall.md";
  return /^(adapters|frameworks|guards|runtime)\//.test(own)
    ? `docs/${own}.md`
    : `docs/reference/${own}.md`;
}

function checkIndexes() {
  for (const file of filesUnder(join(root, "src"), "index.ts")) {
    const text = textOf(join(root, "src", file));
    // Blanked rather than removed, so that line numbers stay.
    const code = text
      .replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, (comment) => comment.replace(/[^\n]/g, " "))
      .replace(/^export\s+(?:type\s+)?\{[^}]*\}\s*from\s*"[^"]+";/gm, (line) =>
        line.replace(/[^\n]/g, " "),
      );
    const rest = /\S.*/.exec(code);
    if (rest) {
      faults.push(
        `src/${file}:${lineAt(code, rest.index)} holds "${rest[0].trim()}". An index.ts only re-exports by name: export { a } from "./b.js".`,
      );
    }
  }
}

function specifier(subpath) {
  return `partywall${subpath.slice(1)}`;
}
