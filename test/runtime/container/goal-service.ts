import type { Model } from "mongoose";

export interface Goal {
  title: string;
  done: boolean;
  tenantId?: string;
}

/** The one service: it is given a model, and names no tenant. */
export class GoalService {
  readonly goals: Model<Goal>;

  constructor(goals: Model<Goal>) {
    this.goals = goals;
  }

  async add(title: string): Promise<string> {
    const goal = new this.goals({ title, done: false });
    await goal.save();
    return goal.title;
  }

  async titles(): Promise<string[]> {
    const found = await this.goals.find().sort({ title: 1 });
    return found.map(({ title }) => title);
  }

  async finishAll(): Promise<number> {
    const { modifiedCount } = await this.goals.updateMany({ done: false }, { done: true });
    return modifiedCount;
  }
}
