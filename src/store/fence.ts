/** How far the fences of two deliveries of a job lie apart. A pipeline needs a delivery for each time that it goes on. */
export const RUNS_PER_DELIVERY = 1000;
const EVENTS_PER_RUN = 1_000_000;

/** Where a run of a pipeline stopped to wait; what is told of its progress meanwhile is numbered from here. */
export const SEQ_WAITING = 500_000;
/** The last event of a run: it failed for now. */
export const SEQ_RETRYING = EVENTS_PER_RUN - 2;
/** The last event of a job. */
export const SEQ_TERMINAL = EVENTS_PER_RUN - 1;
/** The most log lines and progress reports that one run can number. */
export const SEQ_MAX = EVENTS_PER_RUN - 10;

/**
 * The fencing token of a BullMQ run. It grows with every start of a delivery and with every new delivery,
 * and is known without asking Postgres.
 * @param delivery from 1: how often the job was handed over anew
 * @param started BullMQ's `attemptsStarted`, from 1
 */
export function fenceOf(delivery: number, started: number): number {
  return delivery * RUNS_PER_DELIVERY + Math.min(started, RUNS_PER_DELIVERY - 1);
}

/** The delivery that a BullMQ run's fence belongs to. */
export function deliveryOf(fence: number): number {
  return Math.floor(fence / RUNS_PER_DELIVERY);
}

/** The id of an event: grows within a job, the same for every reader, below 2^53. */
export function eventIdOf(fence: number, seq: number): number {
  return fence * EVENTS_PER_RUN + seq;
}
