import { constants, setPriority } from 'node:os';

/**
 * Lets the worker's own thread have the processor before this thread or process: what answers heartbeats and takes jobs must
 * not wait for what computes. Linux alone keeps a priority for each thread; elsewhere that of the whole program would change.
 */
export function lowerPriority(whose: 'thread' | 'process'): void {
  if (whose === 'thread' && process.platform !== 'linux') return;
  try {
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // A sandbox that forbids it: the handler runs as well with the priority that it has.
  }
}
