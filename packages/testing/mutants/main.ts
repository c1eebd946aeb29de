// `pnpm mutants`: the engine broken on purpose. Written next.
console.log('mutants: nothing yet');
process.exitCode = 1;
