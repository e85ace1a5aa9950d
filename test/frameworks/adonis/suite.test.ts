import { describeNode } from "../../support/node-version.js";
import { frameworkSuite } from "../suite/suite.js";
import { host } from "./host.js";

describeNode(24, "AdonisJS 7", () => frameworkSuite(host));
