import fc from 'fast-check';
import type { JobStatus } from '../../src/contract/job.ts';
import { createId } from '../../src/shared/ids.ts';
import { FairTurns } from '../../src/store/fair-turns.ts';
import { makeNewJob } from '../support/new-job.ts';
import { changeOf, command, DELAY_MINUTES, EVERYTHING, fixed, MAX_JOBS, onJob } from './command.ts';
import { end, handOver, isDue, isExpired, RUNS_PER_DELIVERY, redeliver } from './model.ts';

const TTL_MINUTES = 90;
const STEP_MINUTES = 60;

export const insert = fc
  .record({ isDelayed: fc.boolean(), hasTtl: fc.boolean(), isHandedOver: fc.boolean(), hasWebhook: fc.boolean() })
  .map((given) =>
    command(
      `insert ${JSON.stringify(given)}`,
      async (model, record) => {
        const { isDelayed, hasTtl, isHandedOver, hasWebhook } = given;
        const id = createId();
        const delay = isDelayed ? DELAY_MINUTES : 0;
        await record.store.jobs.insert([
          makeNewJob({
            ...{ id, type: 'model:job', queue: 'model', delayMs: delay * 60_000, isHandedOver },
            ttlMs: hasTtl ? TTL_MINUTES * 60_000 : null,
          }),
        ]);
        model.jobs.push({
          ...{ id, status: isDelayed ? 'scheduled' : 'queued', fence: 0, delivery: 1, attempt: 0, rescues: 0 },
          ...{
            worker: null,
            isHandedOver: isHandedOver && !isDelayed,
            hasStarted: false,
            hasWebhook,
            webhooks: 0,
            history: [],
          },
          runAt: model.now + delay,
          expiresAt: hasTtl ? model.now + delay + TTL_MINUTES : null,
        });
      },
      (model) => model.jobs.length < MAX_JOBS,
    ),
  );

export const passTime = fixed('time passes', async (model, record) => {
  await record.passTime(STEP_MINUTES);
  model.now += STEP_MINUTES;
});

export const promote = fixed('promote what is due', async (model, record) => {
  await record.store.backlog.promoteDue(EVERYTHING);
  for (const job of model.jobs) {
    const waits = job.status === 'scheduled' || job.status === 'retrying';
    if (waits && isDue(model, job) && !job.isHandedOver) job.status = 'queued';
  }
});

export const take = fixed('hand the backlog over', async (model, record) => {
  await record.store.backlog.take('model', { limit: EVERYTHING, window: EVERYTHING, turns: new FairTurns() });
  for (const job of model.jobs) if (job.status === 'queued' && !job.isHandedOver) handOver(job);
});

export const putBack = onJob('put back', fc.constantFrom(0, -1), async (_model, record, job, older) => {
  const delivery = job.delivery + older;
  await record.store.backlog.putBack([{ id: job.id, delivery }]);
  if (older === 0 && job.status === 'queued') job.isHandedOver = false;
});

export const parkEarly = onJob('park', fc.constantFrom(0, -1), async (model, record, job, older) => {
  const fence = (job.delivery + older) * RUNS_PER_DELIVERY + RUNS_PER_DELIVERY - 1;
  await record.store.transitions.parkEarly(job.id, fence);
  const waits = job.status === 'scheduled' || job.status === 'retrying';
  if (older === 0 && waits && !isDue(model, job)) redeliver(job);
});

export const toRedeliver = onJob('redeliver', fc.constantFrom(0, -1), async (_model, record, job, older) => {
  await record.store.drift.redeliver([{ id: job.id, delivery: job.delivery + older }]);
  const isHeld = job.isHandedOver && ['scheduled', 'queued', 'retrying'].includes(job.status);
  if (older === 0 && isHeld) redeliver(job);
});

export const expire = fixed('expire', async (model, record) => {
  const rows = await record.store.expiry.findExpired(EVERYTHING);
  const from: JobStatus[] = ['scheduled', 'queued'];
  const jobs = rows.flatMap((row) => model.jobs.find((job) => job.id === row.id) ?? []);
  await record.store.transitions.apply(jobs.map((job) => changeOf(job, 'expired', { from, fence: job.fence })));
  for (const job of model.jobs) if (isExpired(model, job) && from.includes(job.status)) end(job, 'expired');
});
