// Preloaded into an example (`node --import`): what it imports of the engine becomes that of the mode that
// PERDURE_TEST_MODE names. Neither the example nor the engine knows.
import { register } from 'node:module';

register(new URL('./stand-in-hooks.js', import.meta.url));
