import type { CanActivate, ExecutionContext } from "@nestjs/common";

const MEMBERS: Readonly<Record<string, readonly string[]>> = {
  acme: ["ada", "bob"],
  globex: ["grace"],
};

/** Whether somebody may enter a tenant. A real application reads its memberships, in a central scope. */
export function isMember(slug: string, name: unknown): boolean {
  return typeof name === "string" && MEMBERS[slug]?.includes(name) === true;
}

/** Stands for a login: never believe a header. */
export class AuthGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest();
    request.user = request.headers["x-user"];
    return request.user !== undefined;
  }
}
