import type { GuestSettings } from './protocol.ts';

export interface IsolationSettings {
  /** Threads that are kept once they were needed. */
  threadsMin: number;
  /** Threads, and apart from them child processes, that run at once. */
  threadsMax: number;
  /** How long a thread is kept that is not needed. */
  idleMs: number;
  /** Runs that may wait for one before the worker takes no more jobs of their queues. */
  maxWaiting: number;
  /** The largest heap of each. */
  memoryMb: number;
  guest: GuestSettings;
}
