import type { MongoDocument } from "../../driver.js";
import { AUDIT_NAME, GUARD_NAME } from "../../client-names.js";
import type { Check } from "../check.js";
import { userOf } from "../login.js";

/** Clients that were opened beside the guard. */
export const connectionChecks: readonly Check[] = [
  {
    // A guarded client says so when it connects, whatever name the application gives itself.
    code: "connection-unguarded",
    severity: "high",
    why: "Connections of the application's login come from a client without the guard ({detail}): {object}.",
    fix: "Find the MongoClient that the application opens by itself, and hand it the guard's client; give what must go without it a login of its own.",
    find: async (look) => {
      const object = "the connections of the application's login";
      const { users } = await look.login("app");
      if (users.length === 0) {
        return [{ object, unseen: "without a login they cannot be told from others" }];
      }
      const operations = await look
        .database("admin")
        .aggregate([{ $currentOp: { allUsers: true, idleConnections: true } }])
        .toArray();
      const bare = operations.filter(
        (one) => usersOf(one).some((user) => users.includes(user)) && !isGuarded(one),
      );
      const counts = new Map<string, number>();
      for (const client of bare.map(clientOf)) counts.set(client, (counts.get(client) ?? 0) + 1);
      return [...counts].map(([client, count]) => ({
        object: client,
        detail: count === 1 ? "1 connection" : `${count} connections`,
      }));
    },
  },
];

const usersOf = ({ effectiveUsers, runBy }: MongoDocument): string[] =>
  [effectiveUsers, runBy].flatMap((users) => (Array.isArray(users) ? users.map(userOf) : []));

function isGuarded(operation: MongoDocument): boolean {
  const { driver, application } = metadataOf(operation);
  return (
    String(driver["name"]).split("|").includes(GUARD_NAME) || application["name"] === AUDIT_NAME
  );
}

function clientOf(operation: MongoDocument): string {
  const { driver, application } = metadataOf(operation);
  const name = application["name"] ?? operation["appName"];
  const library = typeof driver["name"] === "string" ? driver["name"] : "an unknown driver";
  return typeof name === "string" ? `${library}, application ${JSON.stringify(name)}` : library;
}

function metadataOf({ clientMetadata }: MongoDocument) {
  const { driver, application } = Object(clientMetadata) as MongoDocument;
  return {
    driver: Object(driver) as MongoDocument,
    application: Object(application) as MongoDocument,
  };
}
