import { describe, expect, it } from 'vitest';
import { fingerprintOf, normalizeMessage } from './fingerprint.ts';

describe('normalizeMessage', () => {
  it.each([
    ['took 1500 ms, limit is 1,000.5', 'took <n> ms, limit is <n>'],
    ['order 0198a0b1-7c2d-7e3f-8a4b-5c6d7e8f9a0b is gone', 'order <id> is gone'],
    ['commit 9fceb02d0ae598e95dc970b74767f19372d61af8', 'commit <id>'],
    ['at 0xDEADBEEF', 'at <id>'],
    ['customer cus_N1x9Kq2LmZ has no card', 'customer <id> has no card'],
    ['GET https://api.example.com/v1/users/17?key=a answered 503', 'GET https://api.example.com/<path> answered <n>'],
    ['expected "blue", got \'green\' or `red`', 'expected <text>, got <text> or <text>'],
    ["ENOENT: no such file, open '/tmp/a b.csv'", 'ENOENT: no such file, open <text>'],
    ['cannot read /var/data/in/17.csv', 'cannot read <path>'],
    ['cannot read C:\\data\\in.csv', 'cannot read <path>'],
    ['expired at 2026-01-31T08:00:00.123Z', 'expired at <time>'],
    ['expired at 2026-01-31 08:00:00+01:00', 'expired at <time>'],
    ['since Sat Jan 31 2026 08:00:00 GMT+0100 (Central European Standard Time)', 'since <time>'],
    ['two\n  lines\tand  spaces ', 'two lines and spaces'],
  ])('makes of %j what all of its kind have in common', (message, expected) => {
    expect(normalizeMessage(message)).toBe(expected);
  });

  it('leaves words alone', () => {
    const message = "the user's file and/or folder can't be read; decade, facade, deadbeef";
    expect(normalizeMessage(message)).toBe(message);
  });

  it('ends soon with any text, however long', () => {
    for (const piece of ['a', '1', 'a1', '/a', '"', "'", ' ', 'a-1 ', 'https://', 'Mon ']) {
      expect(normalizeMessage(piece.repeat(8000)).length).toBeLessThanOrEqual(300);
    }
  });
});

describe('fingerprintOf', () => {
  const error = { name: 'TimeoutError', message: 'no answer within 1500 ms' };

  it('is the same for the same kind of failure, in every process', () => {
    expect(fingerprintOf('mail:send', error)).toBe('76b1002121c29fb8');
    expect(fingerprintOf('mail:send', { ...error, message: 'no answer within 3 ms' })).toBe(
      fingerprintOf('mail:send', error),
    );
  });

  it('differs by type, name of the error, and message', () => {
    const others = [
      fingerprintOf('mail:send', error),
      fingerprintOf('mail:sort', error),
      fingerprintOf('mail:send', { ...error, name: 'Error' }),
      fingerprintOf('mail:send', { ...error, message: 'refused' }),
    ];
    expect(new Set(others).size).toBe(4);
  });
});
