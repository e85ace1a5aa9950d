// oxlint-disable-next-line import/no-unassigned-import -- Next.js takes its AsyncLocalStorage from where this puts it
import "next/dist/server/node-environment-baseline.js";
import { getRequestListener } from "@hono/node-server";
import { workAsyncStorage } from "next/dist/server/app-render/work-async-storage.external.js";
import { workUnitAsyncStorage } from "next/dist/server/app-render/work-unit-async-storage.external.js";
import { headers } from "next/headers.js";
import { notFound } from "next/navigation.js";
import { tenancy, type NextTenancyHost } from "partywall/frameworks/next";
import type { FrameworkHost } from "../suite/host.js";
import { listen, webStream } from "../suite/listen.js";

const pathOf = (req: Request) => new URL(req.url).pathname;

/** Calls a route handler as Next.js does, in its own storages. */
function serving<T>(req: Request, handler: () => T): T {
  const unit = { type: "request", phase: "render", headers: req.headers };
  return workAsyncStorage.run({ route: pathOf(req) } as never, () =>
    workUnitAsyncStorage.run(unit as never, handler),
  );
}

export const host: FrameworkHost = {
  name: "a route handler of Next.js",
  missing: {
    "absolute-form target":
      "Next.js redirects such a request before any handler; next.test.ts asks it",
  },
  header: (req: Request, name) => req.headers.get(name) ?? undefined,
  path: pathOf,
  serve: (pw, options, handlers, atEnd) => {
    const routes: Record<string, (req: Request) => string | Promise<string>> = {
      "/who": () => handlers.who(),
      "/slow": () => handlers.slow(),
      "/echo": async (req) => handlers.echo(await req.text()),
      "/throw": () => handlers.throws(),
      "/reject": () => handlers.rejects(),
    };
    const answer = async (req: Request): Promise<Response> => {
      if (pathOf(req) === "/stream") return new Response(webStream(handlers.chunks()));
      try {
        return new Response(await (routes[pathOf(req)] ?? (() => handlers.where()))(req));
      } catch (error) {
        return new Response(handlers.failed(error), { status: 500 });
      }
    };
    const next = { headers, notFound, workUnitAsyncStorage };
    const { route } = tenancy(pw as NextTenancyHost<Readonly<Record<string, unknown>>>, {
      ...options,
      next,
    });
    const guarded = route(answer);
    return listen(
      getRequestListener((req) =>
        serving(req, () => guarded(req)).catch(
          (error: unknown) => new Response(handlers.failed(error), { status: 500 }),
        ),
      ),
      atEnd,
    );
  },
};
