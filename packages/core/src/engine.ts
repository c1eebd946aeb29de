export { type Env, type Timer, systemEnv } from './env.js';
