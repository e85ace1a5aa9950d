import { frameworkSuite } from "../suite/suite.js";
import { hostOn } from "./host.js";

frameworkSuite(hostOn("Express"));
frameworkSuite(hostOn("Fastify"));
