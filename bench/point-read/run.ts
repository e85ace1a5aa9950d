// What the guard costs a lone statement: node --import tsx bench/point-read/run.ts [--smoke]
import { runMatrix } from "../support/matrix.js";

await runMatrix("One row by its key, in one statement outside any transaction.");
