export { bindSession, checkSession, sessionFits } from "./binding.js";
export { boundSessions } from "./bound-store.js";
export type { SessionStore } from "./native.js";
export { tenantSessions } from "./store.js";
export type { CacheHost as SessionHost } from "../keyv.js";
