import type { ExecutionContext, INestApplication } from "@nestjs/common";
import type { Partywall } from "partywall";
import { TenancyModule, type TenancyModuleOptions } from "partywall/frameworks/nest";
import { header } from "partywall/resolvers";
import { onTestFinished } from "vitest";
import { ask } from "../http.js";
import { create, listen, type Parts, type PLATFORMS } from "./application.js";

export const acme = { "x-tenant": "acme" };

/** A header of the request. */
export const given = (context: ExecutionContext, name: string): string | undefined =>
  context.switchToHttp().getRequest().headers[name];

/** The module, by the header `x-tenant`, where all are members. */
export function byHeader(pw: Partywall, more: Partial<TenancyModuleOptions> = {}) {
  return TenancyModule.forRoot({
    pw,
    resolve: header("x-tenant"),
    authorize: () => true,
    ...more,
  });
}

/** Starts an application, closed when the test ends, and asks it. */
export async function started(
  parts: Parts,
  platform: keyof typeof PLATFORMS = "Express",
  change: (app: INestApplication) => unknown = () => undefined,
) {
  const app = await create(parts, platform);
  onTestFinished(() => app.close());
  await change(app);
  const port = await listen(app);
  const body = async (path: string, headers: Record<string, string> = acme) =>
    (await ask(port, { path, headers })).body;
  return { app, port, body };
}
