// The contract of the Store port as code: one case a promise, free of any test framework. Every store runs
// all of them; where the prose of the port and a case differ, the case is right.
import { agreementCases } from './store-cases/agreement-cases.js';
import { carryCases } from './store-cases/carry-cases.js';
import { claimCases } from './store-cases/claim-cases.js';
import { closeCases } from './store-cases/close-cases.js';
import { continueCases } from './store-cases/continue-cases.js';
import { deleteCases } from './store-cases/delete-cases.js';
import { detailCases } from './store-cases/detail-cases.js';
import { entryCases } from './store-cases/entry-cases.js';
import { eventCases } from './store-cases/event-cases.js';
import { fenceCases } from './store-cases/fence-cases.js';
import { filterCases } from './store-cases/filter-cases.js';
import { forkCases } from './store-cases/fork-cases.js';
import { lockCases } from './store-cases/lock-cases.js';
import { mailCases } from './store-cases/mail-cases.js';
import { priorityCases } from './store-cases/priority-cases.js';
import { quarantineCases } from './store-cases/quarantine-cases.js';
import { queryCases } from './store-cases/query-cases.js';
import { raceCases } from './store-cases/race-cases.js';
import { readCases } from './store-cases/read-cases.js';
import { reissueCases } from './store-cases/reissue-cases.js';
import { restCases } from './store-cases/rest-cases.js';
import { restartCases } from './store-cases/restart-cases.js';
import { resumeCases } from './store-cases/resume-cases.js';
import { reviveCases } from './store-cases/revive-cases.js';
import { sendCases } from './store-cases/send-cases.js';
import { startCases } from './store-cases/start-cases.js';
import { startedCases } from './store-cases/started-cases.js';
import { streamCases } from './store-cases/stream-cases.js';
import { terminateCases } from './store-cases/terminate-cases.js';
import { tieCases } from './store-cases/tie-cases.js';
import { verbRaceCases } from './store-cases/verb-race-cases.js';
import { workerCases } from './store-cases/worker-cases.js';
import type { StoreCase } from './store-cases/store-world.js';

export type { StoreCase, StoreWorld } from './store-cases/store-world.js';

/** Every case. Give each a world of its own: `for (const { name, run } of storeCases) test(name, …)`. */
export const storeCases: readonly StoreCase[] = [
  ...startCases, ...claimCases, ...fenceCases, ...entryCases, ...restCases, ...quarantineCases,
  ...reissueCases, ...lockCases, ...readCases, ...mailCases, ...sendCases, ...carryCases, ...tieCases,
  ...closeCases, ...eventCases, ...queryCases, ...streamCases, ...raceCases, ...startedCases,
  ...priorityCases, ...continueCases, ...restartCases, ...resumeCases, ...reviveCases, ...forkCases,
  ...terminateCases, ...deleteCases, ...detailCases, ...filterCases, ...workerCases, ...verbRaceCases,
  ...agreementCases,
];
