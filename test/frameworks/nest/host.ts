import { Readable } from "node:stream";
import {
  All,
  Body,
  Catch,
  Controller,
  Get,
  Header,
  Inject,
  Post,
  StreamableFile,
  type ArgumentsHost,
  type ExceptionFilter,
  type ExecutionContext,
} from "@nestjs/common";
import { APP_FILTER } from "@nestjs/core";
import { TenancyModule } from "partywall/frameworks/nest";
import type { FrameworkHost, Handlers } from "../suite/host.js";
import { create, listen, type PLATFORMS } from "./application.js";

const HANDLERS = Symbol("handlers");

@Controller()
class SuiteController {
  constructor(@Inject(HANDLERS) private readonly handlers: Handlers) {}

  @Get("who")
  who() {
    return this.handlers.who();
  }

  @Get("slow")
  slow() {
    return this.handlers.slow();
  }

  @Post("echo")
  echo(@Body() body: string) {
    return this.handlers.echo(body);
  }

  @Get("throw")
  throws() {
    return this.handlers.throws();
  }

  @Get("reject")
  rejects() {
    return this.handlers.rejects();
  }

  @Get("stream")
  @Header("content-type", "text/plain")
  stream() {
    return new StreamableFile(Readable.from(this.handlers.chunks()));
  }

  @All("*")
  where() {
    return this.handlers.where();
  }
}

@Catch()
class Failed implements ExceptionFilter {
  constructor(private readonly handlers: Handlers) {}

  catch(error: unknown, host: ArgumentsHost): void {
    host.switchToHttp().getResponse().status(500).send(this.handlers.failed(error));
  }
}

/** NestJS on one of its platforms. */
export function hostOn(platform: keyof typeof PLATFORMS): FrameworkHost {
  const request = (context: ExecutionContext) => context.switchToHttp().getRequest();
  return {
    name: `NestJS 12 on ${platform}`,
    header: (context: ExecutionContext, name) => request(context).headers[name],
    path: (context: ExecutionContext) => request(context).originalUrl.split("?")[0],
    serve: async (pw, options, handlers, atEnd) => {
      const app = await create(
        {
          providers: [
            { provide: HANDLERS, useValue: handlers },
            { provide: APP_FILTER, useFactory: () => new Failed(handlers) },
          ],
          imports: [TenancyModule.forRoot({ pw: pw as never, ...options })],
          controllers: [SuiteController],
        },
        platform,
      );
      atEnd(() => app.close());
      return listen(app);
    },
  };
}
