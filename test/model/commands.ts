import fc from 'fast-check';
import type { JobStatus } from '../../src/contract/job.ts';
import { createId } from '../../src/shared/ids.ts';
import type { Transition } from '../../src/store/transitions.ts';
import {
  claim,
  handOver,
  isClaimable,
  isDue,
  isExpired,
  isTerminal,
  type Model,
  type ModelJob,
  mayStart,
  RUNS_PER_DELIVERY,
  redeliver,
  rescue,
  start,
  WORKERS,
} from './model.ts';
import type { Record } from './record.ts';

type Command = fc.AsyncCommand<Model, Record>;

const MAX_JOBS = 2;
const DELAY_MINUTES = 30;
const TTL_MINUTES = 90;
const STEP_MINUTES = 60;
const EVERYTHING = 1000;

/** Makes a command whose text shows up in a counterexample. */
function command(
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

const fixed = (name: string, act: (model: Model, record: Record) => Promise<void>) => fc.constant(command(name, act));

/** A command about one of the jobs that are there. */
function onJob<Details>(
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

const insert = fc
  .record({ isDelayed: fc.boolean(), hasTtl: fc.boolean(), isHandedOver: fc.boolean(), hasWebhook: fc.boolean() })
  .map((given) =>
    command(
      `insert ${JSON.stringify(given)}`,
      async (model, record) => {
        const { isDelayed, hasTtl, isHandedOver, hasWebhook } = given;
        const id = createId();
        const delay = isDelayed ? DELAY_MINUTES : 0;
        await record.store.jobs.insert([
          {
            ...{ id, tenant: 'default', type: 'model:job', queue: 'model', priority: 0, tags: [], metadata: {} },
            ...{ input: null, maxAttempts: 3, backoff: null, timeoutMs: 60_000, webhook: null, parentId: null },
            ...{ deduplicationKey: null, foreignId: null, delayMs: delay * 60_000, runAt: null, isHandedOver },
            ttlMs: hasTtl ? TTL_MINUTES * 60_000 : null,
          },
        ]);
        model.jobs.push({
          ...{ id, status: isDelayed ? 'scheduled' : 'queued', fence: 0, delivery: 1, attempt: 0, rescues: 0 },
          ...{ worker: null, isHandedOver: isHandedOver && !isDelayed, hasStarted: false, hasWebhook, history: [] },
          runAt: model.now + delay,
          expiresAt: hasTtl ? model.now + delay + TTL_MINUTES : null,
        });
      },
      (model) => model.jobs.length < MAX_JOBS,
    ),
  );

const passTime = fixed('time passes', async (model, record) => {
  await record.passTime(STEP_MINUTES);
  model.now += STEP_MINUTES;
});

const promote = fixed('promote what is due', async (model, record) => {
  await record.store.backlog.promoteDue(EVERYTHING);
  for (const job of model.jobs) {
    const waits = job.status === 'scheduled' || job.status === 'retrying';
    if (waits && isDue(model, job) && !job.isHandedOver) job.status = 'queued';
  }
});

const take = fixed('hand the backlog over', async (model, record) => {
  await record.store.backlog.take('model', { limit: EVERYTHING, window: EVERYTHING, afterTenant: '' });
  for (const job of model.jobs) if (job.status === 'queued' && !job.isHandedOver) handOver(job);
});

const claimAll = fc.constantFrom(...WORKERS).map((worker) =>
  command(`${worker} claims`, async (model, record) => {
    await record.store.claims.claim({ queue: 'model', worker, types: ['model:job'], limit: EVERYTHING });
    for (const job of model.jobs) if (isClaimable(model, job)) claim(job, worker);
  }),
);

const putBack = onJob('put back', fc.constantFrom(0, -1), async (_model, record, job, older) => {
  const delivery = job.delivery + older;
  await record.store.backlog.putBack([{ id: job.id, delivery }]);
  if (older === 0 && job.status === 'queued') job.isHandedOver = false;
});

const startDelivery = onJob(
  'start',
  fc.record({
    delivery: fc.constantFrom(0, 0, 0, 0, -1, 1),
    started: fc.integer({ min: 1, max: 4 }),
    worker: fc.constantFrom(...WORKERS),
  }),
  async (model, record, job, { delivery, started, worker }) => {
    const fence = (job.delivery + delivery) * RUNS_PER_DELIVERY + started;
    const row = await record.store.transitions.start(job.id, fence, worker);
    const isStarted = mayStart(model, job, fence, worker);
    if ((row !== undefined) !== isStarted) throw new Error(`the start was ${row ? 'taken' : 'refused'}`);
    if (isStarted) start(job, fence, worker);
  },
);

const parkEarly = onJob('park', fc.constantFrom(0, -1), async (model, record, job, older) => {
  const fence = (job.delivery + older) * RUNS_PER_DELIVERY + RUNS_PER_DELIVERY - 1;
  await record.store.transitions.parkEarly(job.id, fence);
  const waits = job.status === 'scheduled' || job.status === 'retrying';
  if (older === 0 && waits && !isDue(model, job)) redeliver(job);
});

const toRedeliver = onJob('redeliver', fc.constantFrom(0, -1), async (_model, record, job, older) => {
  await record.store.drift.redeliver([{ id: job.id, delivery: job.delivery + older }]);
  const isHeld = job.isHandedOver && ['scheduled', 'queued', 'retrying'].includes(job.status);
  if (older === 0 && isHeld) redeliver(job);
});

const finish = onJob(
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
    job.status = to;
    if (isBack) job.attempt -= 1;
    if (outcome) job.history.push(outcome);
    if (hasDelay) job.runAt = model.now + DELAY_MINUTES;
    if (hasDelay && isParked) job.isHandedOver = false;
  },
);

const cancel = onJob('cancel', fc.constant(undefined), async (_model, record, job) => {
  const from: JobStatus[] = ['scheduled', 'queued', 'processing', 'waiting', 'retrying'];
  await record.store.transitions.apply([
    { ...changeOf(job, 'cancelled', { from, fence: null }), outcome: 'cancelled' },
  ]);
  if (isTerminal(job)) return;
  if (job.status === 'processing') job.history.push('cancelled');
  job.status = 'cancelled';
});

const expire = fixed('expire', async (model, record) => {
  const rows = await record.store.expiry.findExpired(EVERYTHING);
  const from: JobStatus[] = ['scheduled', 'queued'];
  const jobs = rows.flatMap((row) => model.jobs.find((job) => job.id === row.id) ?? []);
  await record.store.transitions.apply(jobs.map((job) => changeOf(job, 'expired', { from, fence: job.fence })));
  for (const job of model.jobs) if (isExpired(model, job) && from.includes(job.status)) job.status = 'expired';
});

const rescueLost = fixed('rescue', async (model, record) => {
  await record.store.rescues.rescueLost(EVERYTHING);
  for (const job of model.jobs) {
    if (job.status === 'processing' && model.deadWorkers.has(job.worker ?? '')) rescue(job);
  }
});

const rescueForgotten = fc.constantFrom(...WORKERS).map((worker) =>
  command(`${worker} knows of no run`, async (model, record) => {
    await record.store.rescues.rescueForgotten({ worker, queue: null, known: [], minAgeMs: 0 });
    for (const job of model.jobs) if (job.status === 'processing' && job.worker === worker) rescue(job);
  }),
);

const lose = fc.tuple(fc.constantFrom(...WORKERS), fc.boolean()).map(([worker, isDead]) =>
  command(`${worker} ${isDead ? 'dies' : 'lives'}`, async (model, record) => {
    await (isDead ? record.kill(worker) : record.beat(worker));
    if (isDead) model.deadWorkers.add(worker);
    else model.deadWorkers.delete(worker);
  }),
);

function changeOf(job: ModelJob, to: JobStatus, { from, fence }: Pick<Transition, 'from' | 'fence'>): Transition {
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

/** Everything that happens to the record, more often what brings a job forward. */
export const commands: fc.Arbitrary<Command>[] = [
  ...[insert, passTime, passTime, promote, promote, take, take, claimAll, putBack, parkEarly, toRedeliver],
  ...[startDelivery, startDelivery, startDelivery, startDelivery, finish, finish, finish, finish],
  ...[cancel, expire, rescueLost, rescueForgotten, lose],
];
