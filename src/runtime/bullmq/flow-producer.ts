import { confined } from "../jobs/confined.js";
import type { JobHost } from "../jobs/host.js";
import { sealedWithId, type JobOptions } from "./envelope.js";
import { HARMLESS } from "./harmless.js";

/** The slice of BullMQ's flow producer that {@link tenantFlowProducer} wraps. */
export interface BullFlowProducer {
  add(flow: never, options?: never): Promise<unknown>;
  addBulk(flows: never): Promise<unknown>;
  getFlow(options: never): Promise<unknown>;
}

interface FlowNode {
  readonly name: string;
  readonly queueName: string;
  readonly opts?: JobOptions;
  readonly children?: readonly FlowNode[];
}

interface FlowOptions {
  readonly queuesOptions?: Readonly<Record<string, { readonly defaultJobOptions?: JobOptions }>>;
}

/**
 * A BullMQ 6 flow producer whose jobs all carry the tenant of the scope that adds them: parents and children each get an
 * envelope of their own, good for their queue and name only, and ids of their own tenant.
 *
 * `add` and `addBulk` work in a tenant's scope and in a central one; outside every scope they throw `PW_NO_SCOPE`. A flow below
 * a parent of another tenant throws `PW_STATEMENT_REFUSED`. `getFlow` follows a flow by ids, whosever they are, so it works in a
 * system scope alone.
 *
 * @example
 * ```ts
 * import { FlowProducer } from "bullmq";
 * import { createPartywall } from "partywall";
 * import { tenantFlowProducer } from "partywall/runtime/bullmq";
 *
 * const pw = createPartywall({ secret: process.env["PARTYWALL_SECRET"] });
 * const flows = tenantFlowProducer(pw, new FlowProducer({ connection: { host: "127.0.0.1", port: 6379 } }));
 * const children = [{ name: "page", queueName: "pages", data: { page: 1 } }];
 * await pw.run("acme", () => flows.add({ name: "book", queueName: "books", children }));
 * ```
 */
export function tenantFlowProducer<Producer extends BullFlowProducer>(
  pw: JobHost,
  producer: Producer,
): Producer {
  const enclosed = (node: FlowNode, { queuesOptions = {} }: FlowOptions = {}): FlowNode => ({
    ...node,
    // The defaults go in here, and not through the producer, for they may name ids as well.
    opts: sealedWithId(pw, node.queueName, node.name, {
      ...queuesOptions[node.queueName]?.defaultJobOptions,
      ...node.opts,
    }),
    ...(node.children === undefined
      ? {}
      : { children: node.children.map((child) => enclosed(child, { queuesOptions })) }),
  });
  const methods = {
    add: async (flow: FlowNode, options?: FlowOptions) =>
      producer.add(enclosed(flow, options) as never),
    addBulk: async (flows: readonly FlowNode[]) =>
      producer.addBulk(flows.map((flow) => enclosed(flow)) as never),
  };
  return confined(pw, producer, { kind: "a flow producer", harmless: HARMLESS, methods });
}
