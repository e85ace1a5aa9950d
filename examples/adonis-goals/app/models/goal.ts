import { BaseModel, column } from "@adonisjs/lucid/orm";

/** A goal of a tenant; the tenant's column is the database's own affair. */
export default class Goal extends BaseModel {
  static override table = "goals";
  declare id: number;
  declare title: string;
  declare author: string;
}

// What `@column()` does, where the compiler has no decorators.
column({ isPrimary: true })(Goal.prototype, "id");
column()(Goal.prototype, "title");
column()(Goal.prototype, "author");
