export { openTask, sealTask, type SealedTask, type TaskHost } from "./worker-threads/envelope.js";
export { serveTasks, type TaskPort } from "./worker-threads/serve-tasks.js";
export { tenantWorker, type RunTask, type TaskWorker } from "./worker-threads/tenant-worker.js";
