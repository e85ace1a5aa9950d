import type { CanActivate, ExecutionContext } from "@nestjs/common";

/** Stands for a login: never believe a header. */
export class AuthGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest();
    request.user = request.headers["x-user"];
    return request.user !== undefined;
  }
}
