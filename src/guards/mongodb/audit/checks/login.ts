import type { Check } from "../check.js";
import type { AuditedPrivilege } from "../login.js";
import type { Look } from "../look.js";

const DATA = ["find", "insert", "update", "remove"];

// Source: https://www.mongodb.com/docs/manual/reference/privilege-actions/
const ADMINISTERS = [
  "anyAction",
  "internal",
  "createUser",
  "dropUser",
  "createRole",
  "dropRole",
  "grantRole",
  "revokeRole",
  "changePassword",
  "changeCustomData",
  "changeAnyPassword",
  "changeAnyCustomData",
  "authSchemaUpgrade",
  "impersonate",
  "setParameter",
  "shutdown",
  "applyOps",
  "forceUUID",
  "useUUID",
];
const DEFINES = [
  "bypassDocumentValidation",
  "collMod",
  "enableProfiler",
  "dropDatabase",
  "renameCollection",
];
const WATCHES = ["inprog", "killop", "killAnyCursor", "killAnySession", "listSessions", "getLog"];

/** What the application's login may do beyond what it needs; the privileges say it, whatever the roles are called. */
const rights =
  (beyond: (privilege: AuditedPrivilege, look: Look) => readonly string[]): Check["find"] =>
  async (look) => {
    const { users, privileges } = await look.login("app");
    const object = users.join(", ");
    if (users.length === 0) return [];
    if (privileges === undefined) {
      return [{ object, unseen: "the server does not tell the rights of a login" }];
    }
    const all = new Set(privileges.flatMap((privilege) => beyond(privilege, look)));
    return all.size === 0 ? [] : [{ object, detail: [...all].toSorted().join(", ") }];
  };

const among = (actions: readonly string[], { actions: granted }: AuditedPrivilege) =>
  granted.filter((action) => actions.includes(action));

/** What the application's login reaches. */
export const loginChecks: readonly Check[] = [
  {
    code: "login-is-system",
    severity: "high",
    why: "The application and the system scope log in as {object}, so what is taken from the one is taken from the other, and the server's log does not tell them apart.",
    fix: "Give `system` of guardMongo() a user of its own.",
    find: async (look) => {
      const [app, system] = [await look.login("app"), await look.login("system")];
      return app.users
        .filter((user) => system.users.includes(user))
        .map((user) => ({ object: user }));
    },
  },
  {
    code: "login-administers",
    severity: "high",
    why: "The application's login {object} may administer the server or its users ({detail}): with it, whoever gets hold of the application makes logins that no guard sees.",
    fix: "Give it readWrite on the application's databases and nothing else.",
    find: rights((privilege) => [
      ...(privilege.isOfEverything ? ["every resource"] : []),
      ...among(ADMINISTERS, privilege),
    ]),
  },
  {
    code: "login-reaches-databases",
    severity: "medium",
    why: "The application's login {object} reads or writes databases that hold nothing of the application: {detail}.",
    fix: "Grant it the databases that it uses, by name.",
    find: rights((privilege, { subject: { databases, homes } }) => {
      const { database, isClusterWide, isOfEverything } = privilege;
      if (isClusterWide || isOfEverything || among(DATA, privilege).length === 0) return [];
      // Where tenants have databases of their own, new ones come to be.
      if (database === undefined) return homes.length > 0 ? [] : ["every database"];
      const used = databases.includes(database) || homes.some((one) => one.database === database);
      return used ? [] : [database];
    }),
  },
  {
    code: "login-changes-definitions",
    severity: "medium",
    why: "The application's login {object} may change what the database itself holds on to ({detail}): validators, profiles, whole databases.",
    fix: "Leave dbAdmin and dbOwner to whoever migrates.",
    find: rights((privilege) => (privilege.isOfEverything ? [] : among(DEFINES, privilege))),
  },
  {
    code: "login-watches",
    severity: "medium",
    why: "The application's login {object} may see or end what others run ({detail}), other tenants' filters and documents among it.",
    fix: "Take clusterMonitor, hostManager and the like from it.",
    find: rights((privilege) => (privilege.isOfEverything ? [] : among(WATCHES, privilege))),
  },
  {
    // readWrite has it too.
    code: "login-stores-functions",
    severity: "low",
    why: "The application's login {object} may store JavaScript on the server, in system.js of {detail}; the guard refuses it, and whoever connects without the guard does not.",
    fix: "Switch server-side JavaScript off, or give it a role that grants the collections by name.",
    find: async (look) => {
      const found = await rights(({ database, collection, actions }) =>
        collection === "system.js" && actions.some((one) => one === "insert" || one === "update")
          ? [database ?? "every database"]
          : [],
      )(look);
      return found.length > 0 && (await look.runsJavaScript()) ? found : [];
    },
  },
];
