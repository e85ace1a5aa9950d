export type { JobHost } from "./jobs/host.js";
export { tenantFlowProducer, type BullFlowProducer } from "./bullmq/flow-producer.js";
export { tenantProcessor, type BullJob, type TenantProcessorOptions } from "./bullmq/processor.js";
export { tenantQueue, type BullQueue } from "./bullmq/queue.js";
