/** What a child process runs: one handler, then it ends. */

// The worker decides when a handler stops: a Ctrl-C, which a terminal sends to the whole group, is not for this process.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
// Without its worker nobody wants what it does.
process.on('disconnect', () => process.exit(1));

const { runHandlerInProcess } = await import('./process-run.ts');
await runHandlerInProcess();
process.exit(0);
