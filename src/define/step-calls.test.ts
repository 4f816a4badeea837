import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { defineJob } from './job.ts';
import { createStep } from './step-calls.ts';

const job = defineJob({ type: 'some:job', input: z.number(), run: () => undefined });

describe('a step that nobody waits for', () => {
  it.each<[string, (step: ReturnType<typeof createStep>) => unknown]>([
    ['one job', (step) => step(job, 1)],
    ['many jobs', (step) => step.all(job, [1])],
    ['a job for each item', (step) => step.map(job, [1], (item) => item)],
    ['a pause', (step) => step.sleep(1)],
    ['an event', (step) => step.waitForEvent('some')],
    ['a pause of no length', (step) => step.sleep(Number.NaN)],
  ])('is no stray fault of the program when it fails: %s', async (_what, call) => {
    const strays: unknown[] = [];
    const onStray = (fault: unknown) => strays.push(fault);
    process.on('unhandledRejection', onStray);
    onTestFinished(() => void process.off('unhandledRejection', onStray));
    call(createStep(() => Promise.reject(new Error('it failed'))));
    await setImmediate();
    await setImmediate();
    expect(strays).toEqual([]);
  });
});
