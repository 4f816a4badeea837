import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TransportName } from '../../src/define/queue.ts';
import { defineJob, snooze } from '../../src/index.ts';
import { AppError } from '../../src/shared/errors.ts';
import { useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';

/** The statement is committed, and then the connection breaks: the caller cannot know which of the two came first. */
function loseAnswers<Args extends unknown[], Answer>(
  call: (...args: Args) => Promise<Answer>,
  isLost: (answer: Answer, ...args: Args) => boolean,
): (...args: Args) => Promise<Answer> {
  return async (...args) => {
    const answer = await call(...args);
    if (isLost(answer, ...args)) throw new AppError('STORE_UNAVAILABLE', 'the connection broke');
    return answer;
  };
}

const once = () => {
  let isFirst = true;
  return () => {
    const answer = isFirst;
    isFirst = false;
    return answer;
  };
};

describe.each<TransportName>(['postgres', 'bullmq'])(
  'a lost answer of the database on the %s transport',
  (transport) => {
    const start = useHarnesses(transport);

    it('to the start of a run costs no job: it runs, once', async () => {
      let runs = 0;
      const job = defineJob({
        type: 'some:job',
        input: z.null(),
        attempts: 1,
        run: () => {
          runs += 1;
          return 'ran';
        },
      });
      const harness = await start([job]);
      const { claims, transitions } = harness.engine.store;
      const isFirst = once();
      claims.claim = loseAnswers(claims.claim, ({ jobs }) => jobs.length > 0 && isFirst());
      transitions.start = loseAnswers(transitions.start, () => isFirst());
      await harness.startWorker();
      const { id } = await harness.enqueue(job, null);
      expect(await harness.ended(id)).toMatchObject({ status: 'completed', output: 'ran', attempt: 1 });
      expect(runs).toBe(1);
      expect(isFirst()).toBe(false);
    });

    it.each(['completed', 'failed', 'retrying', 'scheduled'] as const)(
      'to the end of a run that becomes %s changes nothing',
      async (to) => {
        let runs = 0;
        const job = defineJob({
          type: 'some:job',
          input: z.null(),
          attempts: to === 'failed' ? 1 : 2,
          backoff: { type: 'fixed', delayMs: 500 },
          run: () => {
            runs += 1;
            if (runs === 1 && to === 'scheduled') snooze(500);
            if (runs === 1 && to !== 'completed') throw new Error('boom');
            return 'ran';
          },
        });
        const harness = await start([job]);
        const { transitions } = harness.engine.store;
        const isFirst = once();
        transitions.apply = loseAnswers(transitions.apply, (applied) => applied[0]?.status === to && isFirst());
        transitions.complete = loseAnswers(transitions.complete, () => to === 'completed' && isFirst());
        const worker = await harness.startWorker();
        const { id } = await harness.enqueue(job, null);
        const ended = await harness.ended(id);
        expect(ended.status).toBe(to === 'failed' ? 'failed' : 'completed');
        expect(ended.attempt).toBe(to === 'retrying' ? 2 : 1);
        expect(ended.rescues).toBe(0);
        expect(isFirst()).toBe(false);
        await waitFor(() => Object.values(worker.getStats().ended).reduce((a, b) => a + b) === runs, {
          describe: 'every run is counted',
        });
        expect(worker.getStats().ended.discarded).toBe(0);
        if (transport === 'bullmq') {
          const state = to === 'failed' ? 'failed' : 'completed';
          const isTold = async () => (await harness.queue('some').getJobState(id)) === state;
          await waitFor(isTold, { describe: `BullMQ has it as ${state}` });
        }
      },
    );

    it('is not needed when the end cannot be written at all for a while: the job runs again', async () => {
      let runs = 0;
      const job = defineJob({
        type: 'some:job',
        input: z.null(),
        attempts: 1,
        run: () => {
          runs += 1;
          return runs;
        },
      });
      const harness = await start([job]);
      const { transitions } = harness.engine.store;
      let refusals = 0;
      const refuseTwice =
        <Changes, Answer>(write: (changes: Changes) => Promise<Answer>) =>
        async (changes: Changes) => {
          refusals += 1;
          if (refusals <= 2) throw new Error('cannot execute UPDATE in a read-only transaction'); // a failover
          return write(changes);
        };
      transitions.complete = refuseTwice(transitions.complete); // the end itself
      transitions.apply = refuseTwice(transitions.apply); // and that it could not be recorded
      const worker = await harness.startWorker();
      const { id } = await harness.enqueue(job, null);
      expect(await harness.ended(id)).toMatchObject({ status: 'completed', output: 2, attempt: 1, rescues: 1 });
      expect((await harness.attempts(id)).map((each) => each.outcome)).toEqual(['worker_lost']);
      expect(worker.getHealth().status).toBe('ok');
    });
  },
);
