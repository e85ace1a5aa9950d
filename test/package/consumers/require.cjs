const subpaths = require("./subpaths.cjs");

for (const subpath of subpaths) {
  const exported = require(subpath);
  // A module may give one function to whoever requires it.
  const names =
    typeof exported === "function"
      ? [exported.name]
      : Object.keys(exported).filter((name) => name !== "__esModule");
  if (names.length === 0) throw new Error(`${subpath} exports nothing`);
  console.log(`${subpath}: ${names.join(" ")}`);
}

// One module, however it is reached: a second copy would have a scope of its own.
import("partywall").then((imported) => {
  const { PartywallError } = require("partywall");
  if (imported.PartywallError !== PartywallError) throw new Error("import and require give two copies");
  console.log("one copy");
});
