// Every canonical workflow that hears of others, killed at every durable write and at every two of them.
import { killedEverywhere } from './killed.js';
import { tiedScenarios } from './tied-scenarios.js';

const { child, cancelled, signal, event, transaction, continued } = tiedScenarios;

killedEverywhere(child, { points: 17, pairs: 171 });
killedEverywhere(cancelled, { points: 32, pairs: 585 });
killedEverywhere(signal, { points: 19, pairs: 201 });
killedEverywhere(event, { points: 29, pairs: 447 });
killedEverywhere(transaction, { points: 23, pairs: 344 });
killedEverywhere(continued, { points: 21, pairs: 233 });
