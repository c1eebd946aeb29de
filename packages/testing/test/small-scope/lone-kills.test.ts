// Every canonical workflow of one run alone, killed at every durable write and at every two of them.
import { killedEverywhere } from './killed.js';
import { loneScenarios } from './lone-scenarios.js';

const { sequence, parallel, race, rollback, timers, shown } = loneScenarios;

killedEverywhere(sequence, { points: 11, pairs: 71 });
killedEverywhere(parallel, { points: 16, pairs: 150 });
killedEverywhere(race, { points: 18, pairs: 186 });
killedEverywhere(rollback, { points: 19, pairs: 206 });
killedEverywhere(timers, { points: 19, pairs: 200 });
killedEverywhere(shown, { points: 11, pairs: 71 });
