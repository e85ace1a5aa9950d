import DataLoader from "dataloader";
import {
  GraphQLInt,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  GraphQLSchema,
  GraphQLString,
} from "graphql";
import type { World } from "../../guards/postgres/world.js";
import { where } from "../instance.js";

interface Order {
  readonly id: number;
  readonly note: string;
}

/** What one request's resolvers are given. */
export interface Context {
  readonly orders: DataLoader<number, Order | undefined>;
}

/** A schema whose fields read orders, and what it saw. */
export function ordersSchema({ pw, pool }: World) {
  const seen: string[] = [];
  /** Ids of each statement the loaders have sent, after the tenant it was sent in. */
  const batches: string[] = [];
  const saw = (what: string) => void seen.push(`${what} ${where(pw)}`);

  const orders = new DataLoader<number, Order | undefined>(read);
  async function read(ids: readonly number[]) {
    batches.push(`${where(pw)} ${ids.join()}`);
    const { rows } = await pool.query<Order>("select id, note from orders where id = any($1)", [
      ids,
    ]);
    return ids.map((id) => rows.find((row) => row.id === id));
  }

  const order: GraphQLObjectType<Order, Context> = new GraphQLObjectType<Order, Context>({
    name: "Order",
    fields: () => ({
      note: { type: GraphQLString, resolve: ({ note }) => `${note} ${where(pw)}` },
      next: { type: order, resolve: ({ id }, _, context) => context.orders.load(id + 1) },
      fail: {
        type: GraphQLString,
        resolve: async () => {
          await pool.query("select 1");
          throw new Error(`no paper ${where(pw)}`);
        },
      },
    }),
  });
  const byId = { id: { type: new GraphQLNonNull(GraphQLInt) } };
  const schema = new GraphQLSchema({
    query: new GraphQLObjectType<unknown, Context>({
      name: "Query",
      fields: {
        order: {
          type: order,
          args: byId,
          resolve: (_, { id }, context) => context.orders.load(id),
        },
        orders: {
          type: new GraphQLList(order),
          resolve: async () => (await pool.query("select id, note from orders order by id")).rows,
        },
      },
    }),
    subscription: new GraphQLObjectType<unknown, Context>({
      name: "Subscription",
      fields: {
        orders: {
          type: order,
          subscribe: async function* subscribe() {
            try {
              for (let id = 1; ; id = (id % 3) + 1) {
                const { rows } = await pool.query<Order>(
                  "select id, note from orders where id = $1",
                  [id],
                );
                yield { orders: rows[0] };
              }
            } finally {
              saw("ended");
            }
          },
        },
      },
    }),
  });
  return {
    schema,
    seen,
    batches,
    /** The context of one request, with a loader of its own. */
    contextOf: (): Context => {
      saw("context");
      return { orders: new DataLoader(read) };
    },
    /** A context with the one loader of the process. */
    sharedContext: (): Context => ({ orders }),
  };
}

/** What is served. */
export type OrdersSchema = ReturnType<typeof ordersSchema>;
