import type { JobStatus } from '../../src/contract/job.ts';

/** What the record should say of a job. Times are minutes of the model's own clock. */
export interface ModelJob {
  id: string;
  status: JobStatus;
  fence: number;
  delivery: number;
  attempt: number;
  rescues: number;
  worker: string | null;
  isHandedOver: boolean;
  hasStarted: boolean;
  runAt: number;
  expiresAt: number | null;
  hasWebhook: boolean;
  /** One for every end. */
  webhooks: number;
  /** How its runs ended, but for one that completed it. */
  history: string[];
}

export interface Model {
  now: number;
  jobs: ModelJob[];
  deadWorkers: Set<string>;
}

export const WORKERS = ['w1', 'w2'] as const;
export const RUNS_PER_DELIVERY = 1000;
const TERMINAL: readonly JobStatus[] = ['completed', 'failed', 'cancelled', 'expired'];

/** The state machine of the design: every way that a status may go in one step. */
export const STEPS: Record<JobStatus, readonly JobStatus[]> = {
  scheduled: ['queued', 'processing', 'cancelled', 'expired'],
  queued: ['processing', 'cancelled', 'expired'],
  processing: ['queued', 'scheduled', 'retrying', 'completed', 'failed', 'cancelled'],
  retrying: ['queued', 'processing', 'cancelled'],
  waiting: ['queued', 'cancelled'],
  completed: [],
  failed: ['queued'],
  cancelled: ['queued'],
  expired: ['queued'],
};

export const isTerminal = (job: ModelJob) => TERMINAL.includes(job.status);
export const isDue = (model: Model, job: ModelJob) => job.runAt <= model.now;
export const isExpired = (model: Model, job: ModelJob) =>
  job.expiresAt !== null && job.expiresAt <= model.now && !job.hasStarted;
export const isClaimable = (model: Model, job: ModelJob) =>
  job.status === 'queued' && !job.isHandedOver && !isExpired(model, job);

/** Whether a BullMQ delivery may start. */
export function mayStart(model: Model, job: ModelJob, fence: number, worker: string): boolean {
  if (isTerminal(job) || isExpired(model, job)) return false;
  if (job.delivery !== Math.floor(fence / RUNS_PER_DELIVERY)) return false;
  if ((job.status === 'scheduled' || job.status === 'retrying') && !isDue(model, job)) return false;
  const isElsewhere = job.status === 'processing' && job.worker !== worker && !model.deadWorkers.has(job.worker ?? '');
  if (isElsewhere) return false;
  const isRepeat = job.fence === fence && job.worker === worker && job.status === 'processing';
  return job.fence < fence || isRepeat;
}

export function start(job: ModelJob, fence: number, worker: string): void {
  const isRunning = job.status === 'processing';
  if (isRunning && job.fence < fence) {
    job.history.push('worker_lost');
    job.rescues += 1;
  }
  if (!isRunning) job.attempt += 1;
  Object.assign(job, { status: 'processing', fence, worker, hasStarted: true, isHandedOver: true });
}

export function claim(job: ModelJob, worker: string): void {
  job.attempt += 1;
  job.fence += 1;
  Object.assign(job, { status: 'processing', worker, hasStarted: true });
}

export function end(job: ModelJob, status: JobStatus): void {
  job.status = status;
  if (job.hasWebhook) job.webhooks += 1;
}

/** Begins anew, under a larger fence than every run had. */
export function retry(model: Model, job: ModelJob): void {
  if (job.isHandedOver || job.fence > 0) job.delivery += 1;
  job.fence += 1;
  Object.assign(job, { status: 'queued', attempt: 0, rescues: 0, worker: null, isHandedOver: false });
  Object.assign(job, { hasStarted: false, runAt: model.now, expiresAt: null });
}

/** Gives a run back whose worker is gone. */
export function rescue(job: ModelJob): void {
  job.history.push('worker_lost');
  job.attempt -= 1;
  job.rescues += 1;
  job.status = 'queued';
  if (job.isHandedOver) job.delivery += 1;
  job.isHandedOver = false;
}

export function handOver(job: ModelJob): void {
  job.isHandedOver = true;
  job.delivery = Math.max(job.delivery, Math.floor(job.fence / RUNS_PER_DELIVERY) + 1);
}

/** Back into the backlog, as a new delivery. */
export function redeliver(job: ModelJob): void {
  job.isHandedOver = false;
  job.delivery += 1;
}
