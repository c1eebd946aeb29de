// `pnpm sim`: many seeds of the simulation. Written next.
console.log('sim: nothing yet');
process.exitCode = 1;
