import { Module, type DynamicModule } from "@nestjs/common";
import { guardTypeorm } from "partywall/adapters/typeorm";
import { TenancyModule } from "partywall/frameworks/nest";
import { subdomain } from "partywall/resolvers";
import { DataSource } from "typeorm";
import { roleOf, type openGoals } from "../goals-database.js";
import { Goal } from "./goal.js";
import { GoalsController, HealthController } from "./goals.controller.js";
import { GoalsService } from "./goals.service.js";

/** The application: Partywall beneath TypeORM, and around the handlers. */
@Module({})
export class AppModule {
  static over({ pw, logins }: Awaited<ReturnType<typeof openGoals>>): DynamicModule {
    return {
      module: AppModule,
      imports: [
        TenancyModule.forRoot({
          pw,
          resolve: subdomain("localhost"),
          // AuthGuard has run by then, although it is the controller's.
          principal: (context) => context.switchToHttp().getRequest().user as string,
          authorize: ({ tenant, principal }) => roleOf(tenant.slug, principal) !== undefined,
        }),
      ],
      controllers: [GoalsController, HealthController],
      providers: [
        GoalsService,
        {
          provide: DataSource,
          useFactory: () =>
            guardTypeorm(
              pw.postgres,
              new DataSource({
                type: "postgres",
                url: logins.app,
                driver: pw.postgres.driver,
                entities: [Goal],
              }),
            ).initialize(),
        },
        {
          provide: Goal,
          inject: [DataSource],
          useFactory: (source: DataSource) => source.getRepository(Goal),
        },
      ],
    };
  }
}
