import { describeNode } from "../../support/node-version.js";
import { conform } from "../conform.js";
import { subject } from "./orm.js";

describeNode(24, "Lucid", () => {
  conform(subject);
});
