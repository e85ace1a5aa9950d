import type { DynamicModule, INestApplication, Provider, Type } from "@nestjs/common";
import { Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { ExpressAdapter, type NestExpressApplication } from "@nestjs/platform-express";
import { FastifyAdapter } from "@nestjs/platform-fastify";

/** The platforms that everything over HTTP is tested on. */
export const PLATFORMS = {
  Express: () => new ExpressAdapter(),
  Fastify: () => new FastifyAdapter({ forceCloseConnections: true }),
};

export interface Parts {
  readonly imports?: DynamicModule[];
  readonly controllers?: Type[];
  readonly providers?: Provider[];
}

/** A class that has this decorated as a module. */
export function moduleOf({ imports = [], controllers = [], providers = [] }: Parts): Type {
  @Module({ imports, controllers, providers })
  class AppModule {}
  return AppModule;
}

/** An application on a platform, not listening yet. */
export async function create(
  parts: Parts,
  platform: keyof typeof PLATFORMS = "Express",
): Promise<INestApplication> {
  const app = await NestFactory.create(moduleOf(parts), PLATFORMS[platform]() as ExpressAdapter, {
    logger: false,
    forceCloseConnections: true,
    abortOnError: false,
  });
  // Fastify reads text by itself.
  if (platform === "Express") (app as NestExpressApplication).useBodyParser("text");
  return app;
}

/** Listens on a free port of this machine and says which. */
export async function listen(app: INestApplication): Promise<number> {
  await app.listen(0, "127.0.0.1");
  return Number(new URL(await app.getUrl()).port);
}
