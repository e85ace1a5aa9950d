import { conform } from "../conform.js";
import { subject } from "./orm.js";

conform(subject);
