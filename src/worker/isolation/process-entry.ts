/** What a child process runs: one handler, then it ends. */
import { enableCompileCache } from 'node:module';
import { Worker } from 'node:worker_threads';
import { findModule } from '../../shared/find-module.ts';

// The worker decides when a handler stops: a Ctrl-C, which a terminal sends to the whole group, is not for this process.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
// Without its worker nobody wants what it does.
process.on('disconnect', () => process.exit(1));

enableCompileCache(); // saves a third of the start
const guard = findModule(new URL('./orphan-guard-entry.ts', import.meta.url));
// A heap of its own, so that the limit of the handler is the handler's.
const resourceLimits = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 };
if (guard) new Worker(new URL(guard), { resourceLimits, execArgv: [] }).unref();

const { runHandlerInProcess } = await import('./process-run.ts');
await runHandlerInProcess();
process.exit(0);
