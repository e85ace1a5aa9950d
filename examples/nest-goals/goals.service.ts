import { Inject, Injectable } from "@nestjs/common";
import type { Repository } from "typeorm";
import { Goal } from "./goal.js";

/** What the application does with goals: one instance for all tenants, and no filter by tenant. */
@Injectable()
export class GoalsService {
  constructor(@Inject(Goal) private readonly goals: Repository<Goal>) {}

  list(): Promise<Goal[]> {
    return this.goals.find({ order: { id: "ASC" } });
  }

  add(title: string, author: string): Promise<Goal> {
    return this.goals.save({ title, author });
  }

  count(): Promise<number> {
    return this.goals.count();
  }
}
