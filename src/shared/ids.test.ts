import { describe, expect, it } from 'vitest';
import { createId, createLaterId, deriveId, deriveIds, deriveLineId, isId } from './ids.ts';

const V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('createId', () => {
  it('makes UUIDv7 that sort by their creation', () => {
    const ids = Array.from({ length: 10_000 }, createId);
    expect(new Set(ids).size).toBe(10_000);
    expect([...ids].sort()).toEqual(ids);
    for (const id of ids) expect(id).toMatch(V7);
  });
});

describe('createLaterId', () => {
  it('makes an id that sorts after another one, whatever the clock says', () => {
    for (const id of [createId(), 'ff000000-0000-7fff-bfff-ffffffffffff', '00000000-0000-7000-8000-000000000000']) {
      const later = createLaterId(id);
      expect(later).toMatch(V7);
      expect(later > id).toBe(true);
      expect(createLaterId(id)).not.toBe(later);
    }
  });
});

describe('deriveId', () => {
  const timeMs = Date.parse('2026-01-02T03:04:05.678Z');

  it('is the same for the same time and key, and another for any other', () => {
    const id = deriveId(timeMs, 'queue\n1\n2');
    expect(id).toMatch(V7);
    expect(deriveId(timeMs, 'queue\n1\n2')).toBe(id);
    const others = [deriveId(timeMs, 'queue\n1\n3'), deriveId(timeMs + 1, 'queue\n1\n2'), deriveId(timeMs, '')];
    expect(new Set([id, ...others]).size).toBe(4);
  });

  // They are in the records of those who use this.
  it('has not changed', () => {
    expect(deriveId(timeMs, 'queue\n1\n2')).toBe('019b7ca9-8f2e-7796-9ae7-ed1fcded8b68');
  });

  it('sorts by the time', () => {
    expect(Number.parseInt(deriveId(timeMs, 'x').replaceAll('-', '').slice(0, 12), 16)).toBe(timeMs);
    expect(deriveId(timeMs, 'z') < deriveId(timeMs + 1, 'a')).toBe(true);
  });

  it('hardly ever gives two keys one id', () => {
    const ids = Array.from({ length: 20_000 }, (_, n) => deriveId(timeMs, `key ${n}`));
    expect(new Set(ids).size).toBe(20_000);
  });
});

describe('deriveIds', () => {
  it('makes the same growing ids from the same seed, and others from any other', () => {
    const seed = createId();
    const ids = deriveIds(seed, 1000);
    for (const id of ids) expect(id).toMatch(V7);
    expect([...ids].sort()).toEqual(ids);
    expect(deriveIds(seed, 3)).toEqual(ids.slice(0, 3));
    expect(ids.every((id) => id.slice(0, 13) === seed.slice(0, 13))).toBe(true); // its time
    const many = Array.from({ length: 100 }, createId).flatMap((other) => deriveIds(other, 100));
    expect(new Set([...ids, ...many, seed]).size).toBe(11_001);
  });

  // A call that is made again after an update must find what it made before.
  it('has not changed', () => {
    expect(deriveIds('019b7cd1-8d2e-7abc-8def-0123456789ab', 2)).toEqual([
      '019b7cd1-8d2e-75eb-b239-a66bbe2544c9',
      '019b7cd1-8d2e-75eb-b239-aa6bbe2544c9',
    ]);
  });
});

describe('isId', () => {
  it('knows a UUID of any version from other text', () => {
    expect(isId(createId())).toBe(true);
    expect(isId('01980000-0000-7000-8000-00000000000A')).toBe(true);
    for (const text of ['', '1', 'x'.repeat(36), `${createId()} `, `${createId()}.2`]) expect(isId(text)).toBe(false);
  });
});

describe('deriveLineId', () => {
  const seed = createId();

  it('is the same for the same seed, place and text, and another for any other', () => {
    const id = deriveLineId(seed, 7, '{"a":1}');
    expect(id).toMatch(V7);
    expect(deriveLineId(seed, 7, '{"a":1}')).toBe(id);
    const others = [
      deriveLineId(createId(), 7, '{"a":1}'),
      deriveLineId(seed, 8, '{"a":1}'),
      deriveLineId(seed, 7, '{"a":2}'),
    ];
    expect(others).not.toContain(id);
  });

  it('grows with the place, up to millions', () => {
    const ids = [0, 1, 255, 256, 65_536, 1_000_000, 100_000_000].map((index) =>
      deriveLineId(seed, index, String(index)),
    );
    expect([...ids].sort()).toEqual(ids);
  });
});
