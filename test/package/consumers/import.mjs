import subpaths from "./subpaths.cjs";

const needPeers = ["partywall/frameworks/nest", "partywall/resolvers/jwt"];

for (const subpath of subpaths) {
  if (process.argv.includes("--without-peers") && needPeers.includes(subpath)) continue;
  const names = Object.keys(await import(subpath));
  if (names.length === 0) throw new Error(`${subpath} exports nothing`);
  console.log(`${subpath}: ${names.join(" ")}`);
}
