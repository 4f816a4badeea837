import { pause } from './shared/time.ts';
import { jobScope } from './telemetry/job-scope.ts';
import type { Logger } from './telemetry/logger.ts';

/** How long a signal during the start waits for it, so that a database that was just started is stopped too. */
const START_GRACE_MS = 3000;

export interface Running {
  stop(): Promise<void>;
}

/** The first signal stops in order, also during the start; the second at once. */
export function stopOnSignals(starting: Promise<Running>, deadlineMs: number, log: Logger): void {
  let isStopping = false;
  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const) {
    process.on(signal, () => {
      if (isStopping) process.exit(code);
      isStopping = true;
      log.info(`${signal}: stopping; a second signal stops at once`);
      void stopInTime(starting, deadlineMs, log).then((exitCode) => process.exit(exitCode));
    });
  }
}

async function stopInTime(starting: Promise<Running>, deadlineMs: number, log: Logger): Promise<number> {
  const late = pause(deadlineMs).then(() => {
    throw new Error(`stopping took longer than ${deadlineMs} ms; the others repair what was open`);
  });
  try {
    const running = await Promise.race([starting, pause(START_GRACE_MS)]); // a start that waits for Redis is given up
    await Promise.race([running?.stop(), late]);
    return 0;
  } catch (error) {
    log.error('stopping failed', { error });
    return 1;
  }
}

/** What a handler throws after its job has ended must not take the other jobs of the process down. */
export function surviveStrayErrors(log: Logger): void {
  process.on('unhandledRejection', (error) => {
    log.error('a promise was rejected and nobody handled it', { ...jobScope.getStore(), error });
  });
  process.on('uncaughtException', (error) => {
    const job = jobScope.getStore();
    if (job) {
      log.error('code of a job threw outside of its handler; the job itself is not affected', { ...job, error });
      return;
    }
    log.error('an error was not caught; the program stops', { error });
    process.exit(1);
  });
}
