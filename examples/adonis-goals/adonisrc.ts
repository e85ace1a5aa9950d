/** What `adonisrc.ts` of an application holds. */
export const rc = {
  providers: [
    () => import("@adonisjs/core/providers/app_provider"),
    () => import("@adonisjs/lucid/database_provider"),
    () => import("./providers/tenancy_provider.js"),
  ],
  preloads: [() => import("./start/kernel.js"), () => import("./start/routes.js")],
};
