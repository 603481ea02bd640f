/**
 * Administers a cluster over HTTP: an app to mount in one's own, and a server of one's own.
 *
 * @module
 */
export { type AdminApp, adminApp } from "./app.ts";
export type { AdminOptions } from "./options.ts";
export { type AdminServer, serveAdmin, type ServeAdminOptions } from "./serve.ts";
