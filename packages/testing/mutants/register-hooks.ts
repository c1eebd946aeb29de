// Preloaded (`node --import`) into a process that is to kill a mutant, its threads, and those that it starts.
import { register } from 'node:module';

register(new URL('./suite-hooks.js', import.meta.url));
