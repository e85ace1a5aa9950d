import { frameworkSuite } from "../suite/suite.js";
import { host } from "./host.js";

frameworkSuite(host);
