import { formatCount, formatDuration } from '../../shared/quantities.ts';
import type { LeadershipFacts, QueueWork, WebhookFacts, WorkFacts } from '../../store/diagnosis.ts';
import { type Drift, driftKinds } from '../upkeep/drift.ts';
import { type Finding, note, ok, wrong } from './finding.ts';

const WAITING_NOTE_MS = 5 * 60_000;
const WAITING_WRONG_MS = 3_600_000;
/** How long after a leader's death another one may still be on its way. */
const TAKEOVER_MS = 10_000;
const LISTED = 5;

export function judgeWorkers({ queues, workers }: WorkFacts): Finding {
  const unserved = queues.filter((queue) => !queue.isPaused && queue.workers === 0);
  const paused = queues.filter((queue) => queue.isPaused);
  const pausedText = `paused: ${listQueues(paused)}`;
  if (unserved.length > 0) {
    const found = `nobody serves ${listQueues(unserved)}`;
    const advice =
      workers === 0
        ? 'Start one: MODE=worker longshore start. Where one should run, read the last lines of its log.'
        : 'Start a worker for it: with these job files, and with QUEUES unset or naming the queue.';
    return wrong('workers', paused.length > 0 ? `${found}; ${pausedText}` : found, advice);
  }
  if (paused.length > 0) {
    return note('workers', pausedText, `When it may go on: POST /v1/queues/${paused[0]?.queue}/resume`);
  }
  const alive = workers === 0 ? 'none is alive' : `${formatCount(workers, 'worker')} alive`;
  return ok('workers', queues.length === 0 ? `${alive}; nothing is due` : `${alive}; every queue with work has one`);
}

export function judgeWaiting({ queues }: WorkFacts): Finding {
  const waiting = queues.filter((queue) => !queue.isPaused && queue.oldestMs !== null);
  const [worst] = waiting.toSorted((a, b) => (b.oldestMs ?? 0) - (a.oldestMs ?? 0));
  if (!worst) return ok('waiting', 'no job that is due waits');
  const oldestMs = worst.oldestMs ?? 0;
  const found = `the oldest due job has waited ${formatDuration(oldestMs)}: ${listQueues([worst])}`;
  if (oldestMs <= WAITING_NOTE_MS) return ok('waiting', found);
  const advice =
    worst.workers === 0
      ? 'It needs a worker, see above.'
      : 'The workers are too few, or their jobs hang: longshore queues; longshore jobs list --status processing';
  return oldestMs > WAITING_WRONG_MS ? wrong('waiting', found, advice) : note('waiting', found, advice);
}

export interface DriftFacts {
  drift: Drift;
  /** Queues that are paused in BullMQ, and not in the record. */
  pausedThere: readonly string[];
}

/** @param context `isLed`: whether a running program repairs drift by itself */
export function judgeDrift({ drift, pausedThere }: DriftFacts, { isLed }: { isLed: boolean }): Finding {
  const found = driftKinds.filter((kind) => drift[kind] > 0).map((kind) => `${drift[kind]} ${kind}`);
  if (found.length > 0) {
    const text = `record and queues disagree: ${found.join(', ')}`;
    if (isLed)
      return note('drift', text, 'The leader repairs it within seconds. Where it stays: longshore admin reconcile');
    return wrong('drift', text, 'Run: longshore admin reconcile. A program that starts repairs it, too.');
  }
  if (pausedThere.length > 0) {
    const text = `paused in BullMQ, and not by Longshore: ${pausedThere.join(', ')}`;
    return note('drift', text, `When it may go on: POST /v1/queues/${pausedThere[0]}/resume`);
  }
  return ok('drift', 'the record and the queues agree');
}

export function judgeWebhooks({ failed, struggling, latest }: WebhookFacts): Finding {
  if (failed === 0 && struggling === 0) return ok('webhooks', 'none failed for good in the last day, none struggles');
  const last = latest ? `, the last to ${hostOf(latest.url)}: ${latest.error ?? 'no answer'}` : '';
  const job = latest?.jobId ?? '<job>';
  if (failed > 0) {
    const found = `${formatCount(failed, 'webhook')} failed for good in the last day${last}`;
    return wrong('webhooks', found, `Mend the receiver. All tries: GET /v1/jobs/${job}/webhooks`);
  }
  const found = `${formatCount(struggling, 'webhook')} failed three times or more, and ${struggling === 1 ? 'is' : 'are'} tried again${last}`;
  return note('webhooks', found, `Mend the receiver. All tries: GET /v1/jobs/${job}/webhooks`);
}

export function judgeLeader({ lease, workers }: LeadershipFacts): Finding {
  if (lease && lease.leftMs > 0) {
    return ok('leader', `${lease.holder}, whose lease has ${formatDuration(lease.leftMs)} left`);
  }
  if (workers === 0) return ok('leader', 'nobody, as no worker is alive');
  if (lease && lease.leftMs > -TAKEOVER_MS) {
    return note(
      'leader',
      `nobody since ${formatDuration(-lease.leftMs)}`,
      'Another takes over now: look again in 10 s.',
    );
  }
  const found = 'nobody repairs, rescues and cleans up, although workers are alive';
  return wrong('leader', found, 'Read the log of a worker, and restart it; replace those of an older version.');
}

/** `mail (12 due), reports (1 due)` */
function listQueues(queues: readonly QueueWork[]): string {
  const names = queues.slice(0, LISTED).map(({ queue, due }) => `${queue} (${due} due)`);
  if (queues.length > LISTED) names.push(`${queues.length - LISTED} more`);
  return names.join(', ');
}

// The rest of the address may hold a secret.
function hostOf(url: string): string {
  return URL.parse(url)?.host ?? 'an address';
}
