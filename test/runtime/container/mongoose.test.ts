import { Inject, Injectable } from "@nestjs/common";
import { Controller, Get, Param, Post } from "@nestjs/common";
import express from "express";
import type { Model } from "mongoose";
import { createPartywall } from "partywall";
import { guardMongoose } from "partywall/adapters/mongoose";
import { tenancy } from "partywall/frameworks/express";
import { guardMongo } from "partywall/guards/mongodb";
import { header } from "partywall/resolvers";
import { mongooseModels, tenantContainer, type ContainerScope } from "partywall/runtime/container";
import { perTenant } from "partywall/runtime/cron";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ask, serve } from "../../frameworks/http.js";
import { acme, byHeader, started } from "../../frameworks/nest/tenancy.js";
import { MONGOOSES } from "../../guards/mongodb/drivers.js";
import { describeMongo } from "../../support/mongo.js";
import { GoalService, type Goal } from "./goal-service.js";
import { KITS, type Kit } from "./kits.js";

const bolt = { "x-tenant": "bolt" };

describeMongo("one service on the models of a Mongoose connection", (mongo) => {
  for (const [name, { Mongoose }] of MONGOOSES) {
    describe(`of ${name}`, () => {
      let site: Awaited<ReturnType<typeof open>>;
      async function open() {
        const mongoose = new Mongoose({ autoIndex: false, autoCreate: false });
        const database = mongo.database();
        const url = mongo.url + database.databaseName;
        const pw = createPartywall({
          realm: `cm-${database.databaseName}`,
          mongodb: guardMongo(mongoose.mongo, { app: url, system: url }),
        });
        await guardMongoose(pw.mongodb, mongoose);
        mongoose.model("goal", new mongoose.Schema<Goal>({ title: String, done: Boolean }));
        for (const id of ["acme", "bolt"]) await pw.tenants.create({ id, slug: id, name: id });
        const stored = async () =>
          (await database.collection<Goal>("goals").find().sort({ title: 1 }).toArray()).map(
            ({ title, done, tenantId }) => `${tenantId} ${title}${done ? ", done" : ""}`,
          );
        return { mongoose, pw, stored };
      }
      beforeEach(async () => {
        site = await open();
      });
      afterEach(() => site.pw.close());

      const containersOf = (kit: Kit) => {
        const root = kit.make();
        class OfContainer extends GoalService {
          // oxlint-disable-next-line no-useless-constructor -- Awilix reads the names of parameters
          constructor(goal: Model<Goal>) {
            super(goal);
          }
        }
        const containers = tenantContainer(site.pw, root.port, {
          bindings: [
            mongooseModels(site.mongoose.connection),
            { token: "goals", useClass: root.takes(OfContainer, ["goal"]) },
          ],
        });
        return { root, containers };
      };
      const serviceOf = ({ get }: ContainerScope<unknown>) => get<GoalService>("goals");

      for (const kit of KITS) {
        test(`runs in an Express request, in a job and in a unit test: ${kit.name}`, async () => {
          const { pw, stored } = site;
          const { containers } = containersOf(kit);
          const app = express();
          app.use(tenancy(pw, { resolve: header("x-tenant"), authorize: () => true }));
          app.use((_req, res, next) => {
            res.locals["scope"] = containers.openFor(res);
            next();
          });
          app.post("/goals/:title", async ({ params: { title } }, res) => {
            res.json(await serviceOf(res.locals["scope"] as never).add(title));
          });
          app.get("/goals", async (_req, res) => {
            res.json(await serviceOf(res.locals["scope"] as never).titles());
          });
          const port = await serve(app);
          await ask(port, { method: "POST", path: "/goals/run", headers: acme });
          await ask(port, { method: "POST", path: "/goals/swim", headers: bolt });
          expect((await ask(port, { path: "/goals", headers: acme })).body).toBe('["run"]');
          expect((await ask(port, { path: "/goals", headers: bolt })).body).toBe('["swim"]');

          // A job for every tenant, as a scheduler calls it.
          const finished: number[] = [];
          const nightly = perTenant(pw, () =>
            containers.enter(async (scope) => {
              finished.push(await serviceOf(scope).finishAll());
            }),
          );
          await nightly();
          expect(finished).toEqual([1, 1]);
          expect(await stored()).toEqual(["acme run, done", "bolt swim, done"]);

          // A unit test of the service, on a container of its own.
          expect(await containers.run("acme", (scope) => serviceOf(scope).titles())).toEqual([
            "run",
          ]);
        });

        test(`a model that is registered later is bound too: ${kit.name}`, async () => {
          const { mongoose } = site;
          const { root, containers } = containersOf(kit);
          await containers.run("acme", async ({ get }) => {
            expect(() => get("note")).toThrow("note");
          });
          mongoose.model("note", new mongoose.Schema({ title: String }));
          await containers.run("acme", async ({ get }) => {
            const Note = get<Model<{ title: string }>>("note");
            await Note.create({ title: "mine" });
            expect(await Note.countDocuments()).toBe(1);
          });
          await containers.run("bolt", async ({ get }) => {
            expect(await get<Model<unknown>>("note").countDocuments()).toBe(0);
          });
          expect(() => root.get("note")).toThrow("belongs to a tenant's scope");
        });

        test(`a model cannot be carried into another tenant's scope: ${kit.name}`, async () => {
          const { containers } = containersOf(kit);
          let kept!: Model<Goal>;
          let service!: GoalService;
          await containers.run("acme", async (scope) => {
            kept = scope.get("goal");
            service = serviceOf(scope);
            await service.add("run");
          });
          const uses: (() => unknown)[] = [
            () => kept.find(),
            () => new kept({ title: "escaped" }),
            () => kept.create({ title: "escaped", done: false }),
            () => kept.collection,
            () => service.titles(),
            () => service.add("escaped"),
          ];
          for (const use of uses) {
            await expect(containers.run("bolt", async () => use())).rejects.toMatchObject({
              code: "PW_CONTAINER_SCOPE",
            });
            await expect((async () => use())()).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
          }
          expect(await site.stored()).toEqual(["acme run"]);
        });
      }

      test("gives each of 60 interleaved runs its tenant's documents", async () => {
        const { containers } = containersOf(KITS[0]!);
        await Promise.all(
          Array.from({ length: 60 }, (_, n) => {
            const tenant = n % 2 === 0 ? "acme" : "bolt";
            return containers.run(tenant, async (scope) => {
              await serviceOf(scope).add(`${tenant} ${n}`);
              const titles = await serviceOf(scope).titles();
              expect(titles.filter((title) => !title.startsWith(tenant))).toEqual([]);
            });
          }),
        );
        expect(await site.stored()).toHaveLength(60);
      });

      test("runs in NestJS, as a singleton", async () => {
        const { mongoose, pw } = site;
        @Injectable()
        class OfNest extends GoalService {
          constructor(@Inject("goal") goals: Model<Goal>) {
            super(goals);
          }
        }
        @Controller("goals")
        class GoalsController {
          readonly #goals: GoalService;
          constructor(@Inject(OfNest) goals: GoalService) {
            this.#goals = goals;
          }
          @Post(":title") add(@Param("title") title: string) {
            return this.#goals.add(title);
          }
          @Get() list() {
            return this.#goals.titles();
          }
        }
        const models = mongooseModels(mongoose.connection)
          .bindings()
          .map(({ token, useValue }) => ({ provide: token, useValue }));
        const { body, port } = await started({
          imports: [byHeader(pw)],
          controllers: [GoalsController],
          providers: [...models, OfNest],
        });
        await ask(port, { method: "POST", path: "/goals/run", headers: acme });
        await ask(port, { method: "POST", path: "/goals/swim", headers: bolt });
        expect(await body("/goals")).toBe('["run"]');
        expect(await body("/goals", bolt)).toBe('["swim"]');
        expect(await site.stored()).toEqual(["acme run", "bolt swim"]);
      });
    });
  }
});
