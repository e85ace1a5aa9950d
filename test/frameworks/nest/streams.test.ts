import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import {
  Body,
  Catch,
  Controller,
  Get,
  Module,
  Post,
  Sse,
  UseFilters,
  UseGuards,
  UseInterceptors,
  type ArgumentsHost,
  type CallHandler,
  type ExceptionFilter,
  type ExecutionContext,
  type MiddlewareConsumer,
  type NestInterceptor,
} from "@nestjs/common";
import { APP_INTERCEPTOR } from "@nestjs/core";
import type { Partywall } from "partywall";
import {
  defer,
  finalize,
  interval,
  map,
  mergeMap,
  Observable,
  of,
  Subject,
  take,
  throwError,
} from "rxjs";
import { describe, expect, it } from "vitest";
import { ask } from "../http.js";
import { threeTenants, watched, where } from "../instance.js";
import { acme, byHeader, started } from "./tenancy.js";

const globex = { "x-tenant": "globex" };

/** Notes where it is before and after the handler. */
function noting(pw: Partywall, seen: string[], name: string): NestInterceptor {
  return {
    intercept(_: ExecutionContext, next: CallHandler) {
      seen.push(`${name} before ${where(pw)}`);
      return next.handle().pipe(
        map((value: unknown) => {
          seen.push(`${name} after ${where(pw)}`);
          return value;
        }),
      );
    },
  };
}

describe.each(["Express", "Fastify"] as const)("nest on %s: what a handler returns", (platform) => {
  it("is made in the scope when it is an observable", async () => {
    const pw = await threeTenants();
    @Controller()
    class Observables {
      @Get("lazy")
      lazy() {
        return defer(async () => (await sleep(2), where(pw))).pipe(
          mergeMap((first) => of(`${first} ${where(pw)}`)),
        );
      }
      @Get("promised")
      async promised() {
        await sleep(1);
        return defer(() => of(where(pw)));
      }
    }
    const { body } = await started(
      { imports: [byHeader(pw)], controllers: [Observables] },
      platform,
    );
    expect(await Promise.all([body("/lazy"), body("/lazy", globex)])).toEqual([
      "acme acme",
      "globex globex",
    ]);
    expect(await body("/promised")).toBe("acme");
  });

  it("is sent in the scope when it is an async generator", async () => {
    const pw = await threeTenants();
    @Controller()
    class Generators {
      @Get()
      async *show() {
        for (let n = 0; n < 3; n += 1) {
          await sleep(2);
          yield `${where(pw)}\n`;
        }
      }
    }
    const { body } = await started(
      { imports: [byHeader(pw)], controllers: [Generators] },
      platform,
    );
    expect(await Promise.all([body("/"), body("/", globex)])).toEqual([
      "acme\n".repeat(3),
      "globex\n".repeat(3),
    ]);
  });

  it("keeps the scope to the last event of an SSE stream, and leaves it then", async () => {
    const pw = await threeTenants();
    const left: string[] = [];
    @Controller()
    class Events {
      @Sse("events")
      events() {
        return interval(3).pipe(
          take(4),
          map(() => ({ data: where(pw) })),
        );
      }
    }
    const { body } = await started(
      {
        imports: [byHeader(pw, { pw: { ...pw, ...watched(pw, (id) => left.push(id)) } })],
        controllers: [Events],
      },
      platform,
    );
    const [ours, theirs] = await Promise.all([body("/events"), body("/events", globex)]);
    expect(ours.match(/data: \w+/g)).toEqual(Array.from({ length: 4 }, () => "data: acme"));
    expect(theirs.match(/data: \w+/g)).toEqual(Array.from({ length: 4 }, () => "data: globex"));
    await expect.poll(() => left.toSorted()).toEqual(["t-acme", "t-globex"]);
  });

  it("is given up in the scope when the client of an SSE stream goes away", async () => {
    const pw = await threeTenants();
    const [left, seen]: [string[], string[]] = [[], []];
    @Controller()
    class Events {
      @Sse("events")
      events() {
        return interval(3).pipe(
          map(() => ({ data: where(pw) })),
          finalize(() => seen.push(where(pw))),
        );
      }
    }
    const { port } = await started(
      {
        imports: [byHeader(pw, { pw: { ...pw, ...watched(pw, (id) => left.push(id)) } })],
        controllers: [Events],
      },
      platform,
    );
    const req = httpRequest({ host: "127.0.0.1", port, path: "/events", headers: acme });
    req.on("error", () => undefined).end();
    const [res] = (await once(req, "response")) as [IncomingMessage];
    res.on("error", () => undefined);
    await once(res, "data");
    expect([left, seen]).toEqual([[], []]);
    req.destroy();
    await expect.poll(() => left).toEqual(["t-acme"]);
    await expect.poll(() => seen).toEqual(["acme"]);
  });

  it("is heard in its own scope where another tenant's feeds it", async () => {
    const pw = await threeTenants();
    const [feed, seen]: [Subject<string>, string[]] = [new Subject(), []];
    let listening = 0;
    @Controller()
    class Shared {
      @Get()
      show() {
        return new Observable<string>((subscriber) => {
          listening += 1;
          return feed.pipe(take(1)).subscribe(subscriber);
        });
      }
    }
    const { body } = await started(
      {
        imports: [byHeader(pw)],
        controllers: [Shared],
        // Comes before the module's own, so that it hears what that one lets out.
        providers: [{ provide: APP_INTERCEPTOR, useValue: noting(pw, seen, "outer") }],
      },
      platform,
    );
    const answer = body("/");
    await expect.poll(() => listening).toBe(1);
    await pw.run("t-globex", () => feed.next("news"));
    expect(await answer).toBe("news");
    expect(seen).toEqual(["outer before PW_NO_SCOPE", "outer after acme"]);
  });
});

describe.each(["Express", "Fastify"] as const)("nest on %s: around a handler", (platform) => {
  it("interceptors run in the scope, before and after", async () => {
    const pw = await threeTenants();
    const seen: string[] = [];
    @Controller()
    @UseInterceptors(noting(pw, seen, "controller"))
    class Intercepted {
      @Get()
      @UseInterceptors(noting(pw, seen, "method"))
      async show() {
        await sleep(1);
        return where(pw);
      }
    }
    const { body } = await started(
      { imports: [byHeader(pw)], controllers: [Intercepted] },
      platform,
      (app) => app.useGlobalInterceptors(noting(pw, seen, "global")),
    );
    expect(await body("/")).toBe("acme");
    expect(seen).toEqual([
      "global before acme",
      "controller before acme",
      "method before acme",
      "method after acme",
      "controller after acme",
      "global after acme",
    ]);
  });

  it("filters run in the scope, to their end, for whatever way a handler fails", async () => {
    const pw = await threeTenants();
    @Catch()
    class Failed implements ExceptionFilter {
      async catch(error: Error, host: ArgumentsHost) {
        const before = where(pw);
        await sleep(2);
        const response = host.switchToHttp().getResponse();
        response.status(500).send(`${error.message} ${before} ${where(pw)}`);
      }
    }
    @Controller()
    @UseFilters(Failed)
    class Failing {
      @Get("throws")
      throws() {
        throw new Error("thrown");
      }
      @Get("rejects")
      async rejects() {
        await sleep(1);
        throw new Error("rejected");
      }
      @Post("posted")
      posted(@Body() body: string) {
        throw new Error(`of ${body.length}`);
      }
      @Get("errors")
      errors() {
        return throwError(() => new Error("emitted"));
      }
    }
    const { port, body } = await started(
      { imports: [byHeader(pw)], controllers: [Failing] },
      platform,
    );
    const answers = await Promise.all([
      body("/throws"),
      body("/throws", globex),
      body("/rejects"),
      body("/rejects", globex),
      body("/errors"),
      body("/errors", globex),
    ]);
    expect(answers).toEqual([
      "thrown acme acme",
      "thrown globex globex",
      "rejected acme acme",
      "rejected globex globex",
      "emitted acme acme",
      "emitted globex globex",
    ]);
    const posted = await ask(port, {
      path: "/posted",
      method: "POST",
      headers: { ...acme, "content-type": "text/plain" },
      body: "x".repeat(70_000),
    });
    expect(posted.body).toBe("of 70000 acme acme");
  });

  it("an interceptor that waits is told when the client went away while it was decided upon", async () => {
    const pw = await threeTenants();
    let [asked, handled, ended] = [0, 0, 0];
    let admit: (yes: boolean) => void = () => undefined;
    @Controller()
    class Handled {
      @Get()
      show() {
        handled += 1;
        return "shown";
      }
    }
    const outer: NestInterceptor = {
      intercept: (_, next) => next.handle().pipe(finalize(() => (ended += 1))),
    };
    const { port } = await started(
      {
        imports: [
          byHeader(pw, {
            authorize: () => {
              asked += 1;
              return new Promise<boolean>((resolve) => (admit = resolve));
            },
          }),
        ],
        controllers: [Handled],
        providers: [{ provide: APP_INTERCEPTOR, useValue: outer }],
      },
      platform,
    );
    const req = httpRequest({ host: "127.0.0.1", port, headers: acme });
    req.on("error", () => undefined).end();
    await expect.poll(() => asked).toBe(1);
    req.destroy();
    await expect.poll(() => ended).toBe(1);
    admit(true);
    await sleep(20);
    expect(handled).toBe(0);
  });

  it("adds to a Vary that a guard has set", async () => {
    const pw = await threeTenants();
    @Controller()
    @UseGuards({
      canActivate: (context: ExecutionContext) => {
        context.switchToHttp().getResponse().header("vary", "Origin");
        return true;
      },
    })
    class Varied {
      @Get()
      show() {
        return "shown";
      }
    }
    const { port } = await started({ imports: [byHeader(pw)], controllers: [Varied] }, platform);
    expect((await ask(port, { headers: acme })).headers.vary).toBe("Origin, x-tenant");
  });
});

describe("nest: a request", () => {
  it("keeps its scope over middleware that reads the body by itself", async () => {
    const pw = await threeTenants();
    @Module({})
    class Reading {
      configure(consumer: MiddlewareConsumer) {
        consumer
          .apply((req: IncomingMessage, _: unknown, next: () => void) => {
            req.on("data", () => undefined).once("end", next);
          })
          .forRoutes("{*rest}");
      }
    }
    @Controller()
    @UseFilters({
      catch: (_: unknown, host: ArgumentsHost) => {
        host.switchToHttp().getResponse().status(500).send(where(pw));
      },
    })
    class Failing {
      @Post()
      show() {
        throw new Error("thrown");
      }
    }
    const { port } = await started({
      imports: [byHeader(pw), { module: Reading }],
      controllers: [Failing],
    });
    const headers = { ...acme, "content-type": "application/octet-stream" };
    const answer = await ask(port, { method: "POST", headers, body: "x".repeat(70_000) });
    expect(answer.body).toBe("acme");
  });
});
