import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Signals } from '../queue/signals.ts';
import { AppError } from '../shared/errors.ts';
import type { KnownKey } from '../store/api-keys.ts';
import type { Store } from '../store/store.ts';
import { createLogger } from '../telemetry/logger.ts';
import { KeyRing } from './key-ring.ts';

const CACHE_MS = 5000;
const log = createLogger({ level: 'error', format: 'json', stream: new Writable({ write: (_c, _e, done) => done() }) });

/** A record of keys by their hash, and how often it was asked. */
function createRing() {
  const keys = new Map<string, KnownKey>();
  const asked = { find: 0, any: 0 };
  const noted: string[][] = [];
  const heard: (() => void)[] = [];
  let answer: () => Promise<void> = async () => undefined;
  const apiKeys = {
    async findByHash(hash: string) {
      asked.find += 1;
      const key = keys.get(hash);
      await answer();
      return key;
    },
    async hasAny() {
      asked.any += 1;
      return keys.size > 0;
    },
    async noteUse(ids: readonly string[]) {
      noted.push([...ids]);
      await answer();
    },
  };
  const listen = (listener: () => void) => {
    heard.push(listener);
    return () => undefined;
  };
  const signals = { subscribe: (_topic: string, listener: () => void) => listen(listener), onMissed: listen };
  const ring = new KeyRing({
    store: { apiKeys } as unknown as Store,
    signals: signals as unknown as Signals,
    log,
  });
  ring.start();
  const add = (hash: string) => keys.set(hash, { id: `id of ${hash}`, hash } as KnownKey);
  const hear = () => {
    for (const listener of heard) listener();
  };
  const answerWith = (next: typeof answer) => {
    answer = next;
  };
  return { ring, keys, asked, noted, add, hear, answerWith };
}

describe('KeyRing', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('asks the record once for many calls at once, and not again for some seconds', async () => {
    const { ring, asked, add } = createRing();
    add('a');
    await Promise.all([ring.find('a'), ring.find('a'), ring.find('a')]);
    expect(ring.find('a')).toMatchObject({ hash: 'a' });
    expect(asked.find).toBe(1);
    vi.advanceTimersByTime(CACHE_MS);
    await ring.find('a');
    expect(asked.find).toBe(2);
  });

  it('remembers that there is no such key, too', async () => {
    const { ring, asked, add } = createRing();
    expect(await ring.find('b')).toBeUndefined();
    add('b');
    expect(ring.find('b')).toBeUndefined();
    expect(asked.find).toBe(1);
    vi.advanceTimersByTime(CACHE_MS);
    expect(await ring.find('b')).toMatchObject({ hash: 'b' });
  });

  it('asks again when something is heard, also of what was being read in that moment', async () => {
    const { ring, keys, asked, add, hear, answerWith } = createRing();
    add('a');
    const { promise, resolve } = Promise.withResolvers<void>();
    answerWith(() => promise);
    const reading = ring.find('a');
    hear();
    keys.delete('a');
    resolve();
    await reading;
    expect(await ring.find('a')).toBeUndefined();
    expect(asked.find).toBe(2);
  });

  it('keeps known keys while others are guessed', async () => {
    const { ring, asked, add } = createRing();
    add('a');
    await ring.find('a');
    for (let guess = 0; guess < 10_100; guess += 1) await ring.find(`guess ${guess}`);
    const before = asked.find;
    expect(ring.find('a')).toMatchObject({ hash: 'a' });
    expect(asked.find).toBe(before);
  });

  it('knows for some seconds that there is no key, and for ever that there was one', async () => {
    const { ring, keys, asked, add, hear } = createRing();
    expect(await ring.isEmpty()).toBe(true);
    expect(ring.isEmpty()).toBe(true);
    add('a');
    hear();
    expect(await ring.isEmpty()).toBe(false);
    keys.clear();
    hear();
    vi.advanceTimersByTime(CACHE_MS);
    expect(ring.isEmpty()).toBe(false);
    expect(asked.any).toBe(2);
  });

  it('writes uses down together, each key once a minute, and tells again what was not kept', async () => {
    const { ring, noted, answerWith } = createRing();
    for (const id of ['1', '2', '1', '2']) ring.noteUse(id);
    expect(noted).toEqual([]);
    await vi.advanceTimersByTimeAsync(1000);
    ring.noteUse('1');
    await vi.advanceTimersByTimeAsync(58_000);
    ring.noteUse('1');
    expect(noted).toEqual([['1', '2']]);
    answerWith(() => Promise.reject(new AppError('STORE_UNAVAILABLE', 'away')));
    await vi.advanceTimersByTimeAsync(1000);
    ring.noteUse('1');
    await vi.advanceTimersByTimeAsync(1000);
    answerWith(async () => undefined);
    ring.noteUse('1');
    await ring.stop();
    expect(noted).toEqual([['1', '2'], ['1'], ['1']]);
  });
});
