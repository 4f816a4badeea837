import { describe, expect, it } from 'vitest';
import { Wake } from './wake.ts';

const FOREVER_MS = 2_000_000_000;

describe('a wake', () => {
  it('ends a wait that is under way', async () => {
    const wake = new Wake();
    const waiting = wake.wait(FOREVER_MS);
    wake.call();
    await waiting;
  });

  it('ends a wait that begins after the call, until it is reset', async () => {
    const wake = new Wake();
    wake.call();
    await wake.wait(FOREVER_MS);
    await wake.wait(FOREVER_MS);
    wake.reset();
    let hasEnded = false;
    const waiting = wake.wait(FOREVER_MS).then(() => {
      hasEnded = true;
    });
    await new Promise(setImmediate);
    expect(hasEnded).toBe(false);
    wake.call();
    wake.call();
    await waiting;
  });

  it('ends a wait when its time is over', async () => {
    await new Wake().wait(1);
  });
});
