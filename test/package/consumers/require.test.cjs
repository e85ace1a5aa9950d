const { PartywallError } = require("partywall");

test("Jest requires partywall", () => {
  expect(new PartywallError("PW_NO_SCOPE", "No scope is open.").status).toBe(500);
});
