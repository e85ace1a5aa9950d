/** What a message carries: a signed snapshot of the sender's scope, and what was to be sent. */
export interface Envelope {
  readonly partywall: string;
  readonly data?: unknown;
}

/** The parts of a message; `snapshot` is undefined where it was sent without one. */
export function readEnvelope(message: unknown): { snapshot: string | undefined; data: unknown } {
  return isEnvelope(message)
    ? { snapshot: message.partywall, data: message.data }
    : { snapshot: undefined, data: message };
}

/** The audience of a message's snapshot, so that it is good for this pattern only. */
export function audienceOf(pattern: unknown): string {
  return `nest:${nameOf(pattern)}`;
}

function isEnvelope(message: unknown): message is Envelope {
  return (
    typeof message === "object" &&
    message !== null &&
    typeof (message as { partywall?: unknown }).partywall === "string" &&
    Object.keys(message).every((key) => key === "partywall" || key === "data")
  );
}

/** As Nest names the route of a pattern: the keys in order. */
function nameOf(pattern: unknown): string {
  if (typeof pattern !== "object" || pattern === null) return String(pattern);
  const values = pattern as Readonly<Record<string, unknown>>;
  const members = Object.keys(values)
    .toSorted((one, other) => one.localeCompare(other))
    .map((key) => {
      const value = values[key];
      return `"${key}":${typeof value === "string" ? JSON.stringify(value) : nameOf(value)}`;
    });
  return `{${members.join(",")}}`;
}
