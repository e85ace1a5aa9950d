import subpaths from "./subpaths.cjs";

for (const subpath of subpaths) {
  if (process.argv.includes("--without-jose") && subpath === "partywall/resolvers/jwt") continue;
  const names = Object.keys(await import(subpath));
  if (names.length === 0) throw new Error(`${subpath} exports nothing`);
  console.log(`${subpath}: ${names.join(" ")}`);
}
