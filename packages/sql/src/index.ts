export { startEmbedded, type EmbeddedOptions, type EmbeddedServer } from './embedded.js';
