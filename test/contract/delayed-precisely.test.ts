import { Redis } from 'ioredis';
import { describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { defineJob, snooze } from '../../src/index.ts';
import { useHarnesses } from '../support/harness.ts';

const nap = defineJob({
  type: 'nap:short',
  input: z.null(),
  async run(_input, ctx) {
    if (ctx.lastCheckpoint) return 'slept';
    await ctx.checkpoint(true);
    return snooze(3500); // long enough for a busy machine to come to wait for it
  },
});

describe('BullMQ workers', () => {
  const start = useHarnesses('bullmq');

  it('wait for what is due soon in less than whole seconds', async () => {
    const monitor = await new Redis(inject('redisUrl')).monitor();
    const waits: { marker: string; seconds: number }[] = [];
    monitor.on('monitor', (_time, [command = '', marker = '', seconds]: string[]) => {
      if (command.toLowerCase() === 'bzpopmin') waits.push({ marker, seconds: Number(seconds) });
    });
    const harness = await start([nap]);
    try {
      await harness.startWorker();
      const { id } = await harness.enqueue(nap, null);
      expect(await harness.ended(id)).toMatchObject({ output: 'slept' });
    } finally {
      monitor.disconnect();
    }
    const ours = waits.filter(({ marker }) => marker.startsWith(`${harness.prefix}:nap:`));
    expect(ours.filter(({ seconds }) => !Number.isInteger(seconds))).not.toEqual([]);
  });
});
