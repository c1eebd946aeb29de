// How the test file of a user beside this is run: as a project of its own, without globals.
import { defineConfig } from 'vitest/config';

export default defineConfig({ test: { include: ['*.user-test.ts'], globals: false } });
