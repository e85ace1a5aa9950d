// What the guard costs a transaction: node --import tsx bench/transaction/run.ts [--smoke]
import { runMatrix } from "../support/matrix.js";

await runMatrix("Ten rows by their keys, in ten statements between BEGIN and COMMIT.", 10);
