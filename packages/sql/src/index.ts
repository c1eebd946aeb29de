// What applications and sibling packages import.
export { connect, type ConnectOptions, type ConnectTarget, type EmbeddedTarget } from './connect.js';
export { startEmbedded, type EmbeddedOptions, type EmbeddedServer } from './embedded.js';
export { migrationSql } from './migrate.js';
export { schemaVersion } from './migrations.js';
