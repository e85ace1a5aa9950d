// Every public path of the installed package, as its own exports map says.
const manifest = require("partywall/package.json");

module.exports = Object.keys(manifest.exports)
  .filter((subpath) => subpath !== "./package.json")
  .map((subpath) => "partywall" + subpath.slice(1));
