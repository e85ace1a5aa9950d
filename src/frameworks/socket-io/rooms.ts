// What Socket.IO calls a room is a tenant's here: the tenant is part of its name, encoded so that no room of one tenant has the
// name of another's. Tenant ids are well-formed Unicode, so encoding them cannot fail.

/** The room of every socket of a tenant. */
export const tenantRoom = (tenantId: string) => `T:${encodeURIComponent(tenantId)}`;

/** The room of every socket of a principal in a tenant. */
export const memberRoom = (tenantId: string, actor: string) =>
  `M:${encodeURIComponent(tenantId)}:${Buffer.from(actor, "utf16le").toString("base64url")}`;

/** A tenant's room of the application's. */
export const roomOf = (tenantId: string, room: string) => `${prefix(tenantId)}${room}`;

/** The name that the application gave a room; undefined for what is no such room of the tenant's. */
export function nameOf(tenantId: string, room: string): string | undefined {
  const start = prefix(tenantId);
  return room.startsWith(start) ? room.slice(start.length) : undefined;
}

/** The names of the tenant's among rooms. */
export function namesOf(tenantId: string, rooms: Iterable<string>): string[] {
  return [...rooms].flatMap((room) => nameOf(tenantId, room) ?? []);
}

const prefix = (tenantId: string) => `t:${encodeURIComponent(tenantId)}:`;
