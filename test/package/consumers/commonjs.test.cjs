const subpaths = require("./subpaths.cjs");

test.each(subpaths)("Jest imports %s from a CommonJS test", async (subpath) => {
  expect(Object.keys(await import(subpath))).not.toHaveLength(0);
});
