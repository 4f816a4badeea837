import fc from 'fast-check';
import type { JobStatus } from '../../src/contract/job.ts';
import { createId } from '../../src/shared/ids.ts';
import type { Transition } from '../../src/store/transitions.ts';
import type { Model, ModelJob } from './model.ts';
import type { Record } from './record.ts';

export type Command = fc.AsyncCommand<Model, Record>;

export const MAX_JOBS = 2;
export const DELAY_MINUTES = 30;
/** As many rows as there are. */
export const EVERYTHING = 1000;

/** Makes a command whose text shows up in a counterexample. */
export function command(
  name: string,
  act: (model: Model, record: Record) => Promise<void>,
  isPossible = (_: Model) => true,
): Command {
  return {
    check: isPossible,
    async run(model, record) {
      await act(model, record);
      await record.check(model);
    },
    toString: () => name,
  };
}

export const fixed = (name: string, act: (model: Model, record: Record) => Promise<void>) =>
  fc.constant(command(name, act));

/** A command about one of the jobs that are there. */
export function onJob<Details>(
  name: string,
  details: fc.Arbitrary<Details>,
  act: (model: Model, record: Record, job: ModelJob, details: Details) => Promise<void>,
): fc.Arbitrary<Command> {
  return fc.tuple(fc.nat(MAX_JOBS - 1), details).map(([index, given]) => {
    const find = (model: Model) => model.jobs[index];
    return command(
      `${name} #${index} ${JSON.stringify(given) ?? ''}`.trimEnd(),
      async (model, record) => {
        const job = find(model);
        if (job) await act(model, record, job, given);
      },
      (model) => find(model) !== undefined,
    );
  });
}

/** A change of a job to this status, with a webhook where it ends the job. */
export function changeOf(
  job: ModelJob,
  to: JobStatus,
  { from, fence }: Pick<Transition, 'from' | 'fence'>,
): Transition {
  const isEnd = ['completed', 'failed', 'cancelled', 'expired'].includes(to);
  return {
    ...{
      id: job.id,
      from,
      fence,
      to,
      delayMs: null,
      isParked: false,
      fingerprint: null,
      attemptsBack: 0,
      outcome: null,
    },
    reason: to === 'failed' ? 'non_retryable' : null,
    output: to === 'completed' ? '"done"' : null,
    error: to === 'failed' ? { name: 'Error', message: 'as designed', attempt: job.attempt } : null,
    webhook:
      isEnd && job.hasWebhook ? { id: createId(), event: `job.${to}`, url: 'http://127.0.0.1:9', body: '{}' } : null,
  };
}
