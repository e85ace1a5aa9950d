import router from "@adonisjs/core/services/router";
import server from "@adonisjs/core/services/server";

server.errorHandler(() => import("../app/exceptions/handler.js"));
server.use([() => import("@adonisjs/core/bodyparser_middleware")]);
router.use([() => import("../app/middleware/tenancy_middleware.js")]);
