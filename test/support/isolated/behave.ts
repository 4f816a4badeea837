import { existsSync, writeFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { type JobContext, NonRetryableError, RetryLaterError, snooze } from 'longshore';

export interface Behaviour {
  how: string;
  /** Written when the handler begins. */
  note?: string;
  /** Waited for by those that wait. */
  gate?: string;
  /** Where a core dump may lie. */
  folder?: string;
}

let runsHere = 0;

/**
 * Between large steps: the worker looks at a thread's heap every 100 ms, and a busy machine may let it look later. A step
 * that comes before its look ends the whole program.
 */
function compute(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

/** Ends, or does not end, as it is told. */
export async function run({ how, note, gate, folder }: Behaviour, ctx: JobContext): Promise<unknown> {
  runsHere += 1;
  if (folder) process.chdir(folder);
  if (note) writeFileSync(note, String(process.pid));
  switch (how) {
    case 'non-retryable':
      throw new NonRetryableError('never again');
    case 'retry later':
      throw new RetryLaterError('busy', 30);
    case 'snooze':
      if (ctx.lastCheckpoint) return 'slept';
      await ctx.checkpoint(true);
      return snooze(30);
    case 'throw text':
      throw 'only text';
    case 'return a function':
      return { call: () => 1 };
    case 'notify': {
      const { id: jobId, tenant } = ctx.job;
      const message = { tenant, jobId, user: 'ada', title: 'Hello', body: '', link: null, data: {} };
      return (await ctx.services.notifications.add(message)).id;
    }
    case 'priority':
      return getPriority();
    case 'return much':
      return { text: 'x'.repeat(50_000_000) };
    case 'flood':
      for (let round = 0; round < 300_000; round += 1) {
        ctx.progress(round / 3000, `round ${round}`);
        ctx.log.info(`round ${round}`);
      }
      return 'said it all';
    case 'loop': {
      const endMs = Date.now() + 60_000;
      while (Date.now() < endMs);
      return 'looped';
    }
    case 'heap': {
      const kept: number[][] = [];
      for (;;) kept.push(Array.from({ length: 100_000 }, (_, index) => index));
    }
    case 'large steps': {
      const grown = new Map<number, object>();
      for (let index = 0; ; index += 1) {
        grown.set(index, { index }); // each time that it grows, it doubles at once
        if (index > 3_000_000 && index % 50_000 === 0) compute(100);
      }
    }
    case 'large arrays': {
      const kept: number[][] = [];
      for (;;) {
        kept.push(new Array<number>(5_000_000).fill(1.5));
        if (kept.length > 2) compute(700);
      }
    }
    case 'exit':
      return process.exit(7);
    case 'abort':
      return process.abort();
    case 'segfault':
      process.kill(process.pid, 'SIGSEGV');
      return sleep(60_000);
    case 'throw in a callback':
      setTimeout(() => {
        throw new Error('nobody catches this');
      });
      return sleep(60_000);
    case 'reject':
      void Promise.reject(new Error('nobody handles this'));
      return sleep(60_000);
    case 'stray':
      setTimeout(() => {
        ctx.progress(99, 'late');
        ctx.log.info('late line');
        throw new Error('late error');
      }, 50);
      return 'done';
    case 'wait':
      while (gate && !existsSync(gate)) await sleep(20);
      return runsHere;
    case 'obey':
      await new Promise((_resolve, reject) => {
        ctx.signal.addEventListener('abort', () => {
          ctx.log.info(`told: ${(ctx.signal.reason as Error).name} ${(ctx.signal.reason as { why: string }).why}`);
          reject(ctx.signal.reason);
        });
      });
      return 'unreachable';
    default:
      return how;
  }
}
