// Faults of the network between the business and its database, by the proxy.
import { systemEnv } from '@perdure/core/engine';
import type { FaultKind, Scene } from './faults.js';
import type { PgProxyCut, ProxiedStatement } from '../dist/pg-proxy.js';

const strikeMs = 1_500;
const halfOpenMs = { least: 100, most: 800 };
/** Longer than the deadlines of the business: it finds out by itself. */
const silentMs = 2_600;
const refusedMs = { least: 50, most: 900 };
const slowMs = { least: 400, most: 1_200 };

/** Statements of the engine that commit something by themselves, by their names. */
const writing = /^perdure_(commit|claim|start|send|tie|tell|give|emit|end|meet|turn)/;

/** A COMMIT, or a statement of the engine that commits by itself. */
function commits({ text, name }: ProxiedStatement): boolean {
  return /^commit/i.test(text) || writing.test(name);
}

/** Waits until it has struck, and takes it back if it has not. */
async function struck({ proxy }: Scene, cut: PgProxyCut): Promise<number> {
  const enough = new AbortController();
  await Promise.race([cut.happened, systemEnv.sleep(strikeMs, enough.signal)]);
  enough.abort();
  proxy.forget();
  return cut.count;
}

/** Only every so many-th of what commits, so that not always the most frequent one is hit. */
function someCommit({ dice }: Scene): (statement: ProxiedStatement) => boolean {
  let passed = Math.floor(dice.between(0, 12));
  const userOnly = dice.next() < 0.4;
  return (statement) => commits(statement) && (!userOnly || statement.name === '') && passed-- <= 0;
}

async function halfOpen({ proxy, dice }: Scene): Promise<number> {
  proxy.blackhole(true);
  await systemEnv.sleep(dice.next() < 0.2 ? silentMs : dice.between(halfOpenMs.least, halfOpenMs.most));
  const { swallowed } = proxy;
  proxy.blackhole(false);
  return swallowed;
}

async function refuse({ proxy, dice }: Scene): Promise<number> {
  const { busy } = proxy;
  await proxy.refuse(true);
  await systemEnv.sleep(dice.between(refusedMs.least, refusedMs.most));
  await proxy.refuse(false);
  return busy;
}

async function slow({ proxy, dice }: Scene, pace: { bytes: number; pauseMs: number }): Promise<number> {
  const { queries } = proxy.counts;
  proxy.drip(pace);
  await systemEnv.sleep(dice.between(slowMs.least, slowMs.most));
  proxy.drip(null);
  return proxy.counts.queries - queries;
}

/** Faults of the network. */
export const networkFaults: readonly FaultKind[] = [
  {
    name: 'cut-before-commit', lane: 'network',
    inject: (scene) => struck(scene, scene.proxy.cutBefore(someCommit(scene))),
  },
  {
    name: 'cut-after-commit', lane: 'network',
    inject: (scene) => struck(scene, scene.proxy.cutAfter(someCommit(scene))),
  },
  {
    name: 'cut-at-byte', lane: 'network',
    inject: (scene) => struck(scene, scene.proxy.cutAt(scene.dice.next() < 0.5 ? 'request' : 'reply',
      Math.floor(scene.dice.between(0, 20_000)))),
  },
  { name: 'half-open', lane: 'network', inject: halfOpen },
  { name: 'refuse', lane: 'network', inject: refuse },
  {
    name: 'delay', lane: 'network', delay: true,
    inject: (scene) => slow(scene, { bytes: 1_000_000, pauseMs: scene.dice.between(5, 150) }),
  },
  {
    name: 'drip-feed', lane: 'network', delay: true,
    inject: (scene) => slow(scene, { bytes: Math.floor(scene.dice.between(1, 200)), pauseMs: 1 }),
  },
];
