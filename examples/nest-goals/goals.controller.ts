import {
  BadRequestException,
  Body,
  Controller,
  Get,
  Inject,
  Post,
  Sse,
  UseGuards,
} from "@nestjs/common";
import { Central, CurrentPrincipal, CurrentTenant } from "partywall/frameworks/nest";
import { interval, map, mergeMap, take } from "rxjs";
import { GoalsService } from "./goals.service.js";
import { AuthGuard } from "./auth.guard.js";

@Controller("goals")
@UseGuards(AuthGuard)
export class GoalsController {
  constructor(@Inject(GoalsService) private readonly goals: GoalsService) {}

  @Get()
  async list(@CurrentTenant("name") tenant: string) {
    return { tenant, goals: await this.goals.list() };
  }

  @Post()
  add(@Body("title") title: unknown, @CurrentPrincipal() user: string) {
    if (typeof title !== "string") throw new BadRequestException("Send a title.");
    return this.goals.add(title, user);
  }

  /** How many there are, three times. */
  @Sse("count")
  count() {
    return interval(50).pipe(
      take(3),
      mergeMap(() => this.goals.count()),
      map((data) => ({ data })),
    );
  }
}

@Controller("health")
@Central()
export class HealthController {
  constructor(@Inject(GoalsService) private readonly goals: GoalsService) {}

  @Get()
  show() {
    return { ok: true };
  }

  /** A mistake on purpose: what has no tenant reads a tenant's table. */
  @Get("goals")
  count() {
    return this.goals.count();
  }
}
