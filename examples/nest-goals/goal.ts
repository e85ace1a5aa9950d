import { Column, Entity, PrimaryGeneratedColumn } from "typeorm";

/** A goal. Whose it is the database knows; the entity has no tenant. */
@Entity("goals")
export class Goal {
  @PrimaryGeneratedColumn("identity")
  id!: number;

  @Column("text")
  title!: string;

  @Column("text")
  author!: string;
}
