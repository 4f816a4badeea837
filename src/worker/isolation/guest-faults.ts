import { jobScope } from '../../telemetry/job-scope.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { OpenRun } from './guest-run.ts';
import { pack } from './thrown.ts';

export interface FaultOptions {
  /** The run that is under way. */
  getRun: () => OpenRun | undefined;
  log: Logger;
  /** Ends the guest: who knows in which state its code is. */
  end: () => void;
}

/** What a run throws where nobody catches it fails that run; what is left of an earlier one must not fail the next. */
export function watchFaults({ getRun, log, end }: FaultOptions): void {
  const judge = (error: unknown) => {
    const run = getRun();
    const scope = jobScope.getStore();
    if (scope !== undefined && scope !== run?.scope) {
      log.error('code of a job threw after its handler had ended; the job itself is not affected', { ...scope, error });
      return;
    }
    if (run) run.tell({ kind: 'crashed', error: pack(error) });
    else log.error('an error was not caught in a thread or child process that ran no handler', { error });
    end();
  };
  process.on('uncaughtException', judge);
  process.on('unhandledRejection', judge);
}
