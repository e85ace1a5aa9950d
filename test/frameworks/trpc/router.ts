import { initTRPC, TRPCError } from "@trpc/server";
import type { World } from "../../guards/postgres/world.js";
import { z } from "zod";
import { where } from "../instance.js";

/** A router whose procedures read orders, and what it saw. */
export function ordersRouter({ pw, pool }: World) {
  /** Where contexts were made, errors formatted and reported, and iterators given up. */
  const seen: string[] = [];
  const noteOf = async (id: number) =>
    (await pool.query<{ note: string }>("select note from orders where id = $1", [id])).rows[0]
      ?.note;
  const saw = (what: string) => void seen.push(`${what} ${where(pw)}`);

  const t = initTRPC.context<{ readonly tenant: string }>().create({
    errorFormatter: ({ shape }) => ({ ...shape, message: `${shape.message} ${where(pw)}` }),
  });
  const procedure = t.procedure.use(async ({ ctx, next }) => {
    if (ctx.tenant !== pw.current().slug) throw new TRPCError({ code: "CONFLICT" });
    return next();
  });

  async function* notes() {
    try {
      for (let id = 1; id <= 3; id += 1) yield `${await noteOf(id)} ${where(pw)}`;
    } finally {
      saw("ended");
    }
  }
  async function* forEver() {
    try {
      for (;;) yield `${await noteOf(1)} ${where(pw)}`;
    } finally {
      saw("given up");
    }
  }

  const router = t.router({
    note: procedure
      .input(z.object({ id: z.number() }))
      .query(async ({ input }) => `${await noteOf(input.id)} ${where(pw)}`),
    rename: procedure.input(z.object({ note: z.string() })).mutation(async ({ input }) => {
      const { rowCount } = await pool.query("update orders set note = $1", [input.note]);
      return rowCount;
    }),
    fail: procedure.query(async () => {
      await noteOf(1);
      throw new Error("no paper");
    }),
    notes: procedure.query(notes),
    follow: procedure.subscription(notes),
    forEver: procedure.subscription(forEver),
  });
  return {
    router,
    seen,
    createContext: () => {
      saw("context");
      return { tenant: pw.current().slug };
    },
    onError: () => saw("error"),
  };
}

/** What the adapters of tRPC are given. */
export type OrdersRouter = ReturnType<typeof ordersRouter>;
