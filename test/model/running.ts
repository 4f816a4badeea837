import fc from 'fast-check';
import type { JobStatus } from '../../src/contract/job.ts';
import { FairTurns } from '../../src/store/fair-turns.ts';
import type { Transition } from '../../src/store/transitions.ts';
import { changeOf, command, DELAY_MINUTES, EVERYTHING, fixed, onJob } from './command.ts';
import {
  claim,
  end,
  isClaimable,
  isTerminal,
  mayStart,
  RUNS_PER_DELIVERY,
  rescue,
  retry,
  start,
  WORKERS,
} from './model.ts';

export const claimAll = fc.constantFrom(...WORKERS).map((worker) =>
  command(`${worker} claims`, async (model, record) => {
    const turns = new FairTurns();
    await record.store.claims.claim({ queue: 'model', worker, types: ['model:job'], limit: EVERYTHING, turns });
    for (const job of model.jobs) if (isClaimable(model, job)) claim(job, worker);
  }),
);

export const startDelivery = onJob(
  'start',
  fc.record({
    delivery: fc.constantFrom(0, 0, 0, 0, -1, 1),
    started: fc.integer({ min: 1, max: 4 }),
    worker: fc.constantFrom(...WORKERS),
  }),
  async (model, record, job, { delivery, started, worker }) => {
    const fence = (job.delivery + delivery) * RUNS_PER_DELIVERY + started;
    const [row] = await record.store.transitions.start([{ id: job.id, fence, worker }]);
    const isStarted = mayStart(model, job, fence, worker);
    if ((row !== undefined) !== isStarted) throw new Error(`the start was ${row ? 'taken' : 'refused'}`);
    if (isStarted) start(job, fence, worker);
  },
);

export const finish = onJob(
  'finish',
  fc.record({
    to: fc.constantFrom('completed', 'failed', 'retrying', 'scheduled', 'queued'),
    fence: fc.constantFrom(0, 0, 0, 0, -1, 1),
    isParked: fc.boolean(),
  }),
  async (model, record, job, { to, fence: offset, isParked }) => {
    const hasDelay = to === 'retrying' || to === 'scheduled';
    const isBack = to === 'scheduled' || to === 'queued';
    const outcomes = {
      completed: null,
      failed: 'failed',
      retrying: 'retrying',
      scheduled: 'put_back',
      queued: 'put_back',
    };
    const outcome = outcomes[to] as Transition['outcome'];
    const change = changeOf(job, to, { from: ['processing'], fence: job.fence + offset });
    await record.store.transitions.apply([
      {
        ...change,
        ...{ isParked: hasDelay && isParked, delayMs: hasDelay ? DELAY_MINUTES * 60_000 : null },
        ...{ attemptsBack: isBack ? 1 : 0, outcome },
      },
    ]);
    if (job.status !== 'processing' || offset !== 0) return;
    if (to === 'completed' || to === 'failed') end(job, to);
    else job.status = to;
    if (isBack) job.attempt -= 1;
    if (outcome) job.history.push(outcome);
    if (hasDelay) job.runAt = model.now + DELAY_MINUTES;
    if (hasDelay && isParked) job.isHandedOver = false;
  },
);

export const cancel = onJob('cancel', fc.constant(undefined), async (_model, record, job) => {
  const from: JobStatus[] = ['scheduled', 'queued', 'processing', 'waiting', 'retrying'];
  await record.store.transitions.apply([
    { ...changeOf(job, 'cancelled', { from, fence: null }), outcome: 'cancelled' },
  ]);
  if (isTerminal(job)) return;
  if (job.status === 'processing') job.history.push('cancelled');
  end(job, 'cancelled');
});

export const retryEnded = onJob('retry', fc.constant(undefined), async (model, record, job) => {
  await record.store.retries.retry([{ id: job.id }]);
  if (isTerminal(job) && job.status !== 'completed') retry(model, job);
});

export const rescueLost = fixed('rescue', async (model, record) => {
  await record.store.rescues.rescueLost(EVERYTHING);
  for (const job of model.jobs) {
    if (job.status === 'processing' && model.deadWorkers.has(job.worker ?? '')) rescue(job);
  }
});

export const rescueForgotten = fc.constantFrom(...WORKERS).map((worker) =>
  command(`${worker} knows of no run`, async (model, record) => {
    await record.store.rescues.rescueForgotten({ worker, queue: null, known: [], minAgeMs: 0 });
    for (const job of model.jobs) if (job.status === 'processing' && job.worker === worker) rescue(job);
  }),
);

export const lose = fc.tuple(fc.constantFrom(...WORKERS), fc.boolean()).map(([worker, isDead]) =>
  command(`${worker} ${isDead ? 'dies' : 'lives'}`, async (model, record) => {
    await (isDead ? record.kill(worker) : record.beat(worker));
    if (isDead) model.deadWorkers.add(worker);
    else model.deadWorkers.delete(worker);
  }),
);
