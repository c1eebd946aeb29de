// Makes a fresh clone ready (install, compile), then runs one command: start, test, build, lint, bench,
// chaos, sim or mutants. Plain JavaScript without dependencies, because it runs before anything is installed:
// Node and npm are enough.
//
//   B1. Nothing asks: a prompt would hang a machine without a person.
//   B2. What is already done is not done again: an install is remembered by the content of what it depends
//       on.
//   B3. Versions come from the lock file alone.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const pnpm = 'pnpm@12.21.0';
const root = dirname(fileURLToPath(import.meta.url));
const stamp = join(root, 'node_modules', '.perdure-install');
const node = process.execPath;
// Prisma makes its client from a description of the tables; the test and the example compile against it.
const schemas = ['packages/sql/test/libraries/schema.prisma', 'examples/schema.prisma'];

const commands = {
  start: [node, 'examples/dist/tour/main.js'],
  test: [node, 'node_modules/vitest/vitest.mjs', 'run'],
  bench: [node, 'bench/dist/main.js'],
  chaos: [node, 'packages/testing/dist-chaos/main.js'],
  sim: [node, 'packages/testing/dist-sim/main.js'],
  mutants: [node, 'packages/testing/dist-mutants/main.js'],
  lint: [node, 'node_modules/oxlint/bin/oxlint'],
  build: undefined,
};

function run([command, ...args], options = {}) {
  const { status, signal, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (error !== undefined) throw error;
  // A command ended by Ctrl-C has said so itself.
  if (status !== 0) process.exit(status ?? (signal === 'SIGINT' ? 130 : 1));
}

function manifests() {
  const members = readdirSync(join(root, 'packages')).map((name) => `packages/${name}/package.json`);
  const top = ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml'];
  const all = [...top, 'examples/package.json', 'bench/package.json', ...members.sort(), ...schemas];
  return all.filter((file) => existsSync(join(root, file)));
}

function wantedInstall() {
  const hash = createHash('sha256');
  hash.update([pnpm, process.platform, process.arch, process.version].join(' '));
  for (const file of manifests()) hash.update(file).update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

function install() {
  const wanted = wantedInstall();
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  console.log('perdure: installing dependencies (once)');
  // CI=true keeps pnpm from asking (B1). npx is a script on Windows, which only a shell can start.
  run(['npx', '--yes', pnpm, 'install', '--frozen-lockfile'], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, CI: 'true' },
    shell: process.platform === 'win32',
  });
  for (const schema of schemas) generate(schema);
  writeFileSync(stamp, wanted);
}

function generate(schema) {
  // What is named here is not run by `generate`; Prisma would fetch it from a host of its own otherwise.
  const env = { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: node, 'CHECKPOINT_DISABLE': '1' };
  const command = [node, 'node_modules/prisma/build/index.js', 'generate', '--no-hints', '--schema', schema];
  run(command, { stdio: ['ignore', 'ignore', 'inherit'], env });
}

const [name = 'build', ...args] = process.argv.slice(2);
if (!(name in commands)) {
  console.error(`perdure: no command "${name}"; there are ${Object.keys(commands).join(', ')}`);
  process.exit(2);
}
install();
run([node, 'node_modules/typescript/bin/tsc', '-b']);
if (commands[name] !== undefined) run([...commands[name], ...args]);
