import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { messageOf, toFailure } from './failure.ts';

describe('toFailure', () => {
  it('keeps name, message, code, stack and causes of an error', () => {
    const error = Object.assign(new TypeError('outer', { cause: new Error('inner', { cause: 'root' }) }), {
      code: 'E1',
    });
    expect(toFailure(error)).toEqual({
      name: 'TypeError',
      message: 'outer',
      code: 'E1',
      stack: expect.stringContaining('TypeError: outer\n'),
      cause: {
        name: 'Error',
        message: 'inner',
        stack: expect.any(String),
        cause: { name: 'NonError', message: 'root' },
      },
    });
  });

  it('takes anything that can be thrown', () => {
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    const messages = [
      ['text', 'text'],
      [undefined, 'threw undefined'],
      [null, 'threw null'],
      [{ a: 1 }, 'threw {"a":1}'],
      [circular, 'threw a value of type object'],
      [7n, 'threw a value of type bigint'],
      [Symbol('s'), 'threw Symbol(s)'],
      [class Boom {}, 'threw class Boom'],
    ] as const;
    for (const [thrown, message] of messages) {
      expect(toFailure(thrown)).toEqual({ name: 'NonError', message: expect.stringContaining(message) });
    }
    expect(toFailure(runInNewContext('new RangeError("of another realm")'))).toMatchObject({ name: 'RangeError' });
  });

  it('keeps numeric codes as text and drops others', () => {
    expect(toFailure(Object.assign(new Error('x'), { code: 23505 })).code).toBe('23505');
    expect(toFailure(Object.assign(new Error('x'), { code: { a: 1 } }))).not.toHaveProperty('code');
  });

  it('is always small and storable', () => {
    const long = Object.assign(new Error(`\0${'\u{1f600}'.repeat(10_000)}`), { name: 'N'.repeat(300) });
    const failure = toFailure(long);
    expect(failure.message).toMatch(/^\uFFFD.*… \(20001 characters\)$/su);
    expect(failure.message.isWellFormed()).toBe(true);
    expect(failure.message.length).toBeLessThan(8050);
    expect(failure.name.length).toBeLessThan(250);
    expect(failure.stack?.length).toBeLessThan(16_050);
  });

  it('ends a chain of causes, also one that is a circle', () => {
    const error = new Error('circle');
    error.cause = error;
    let depth = 0;
    for (let at = toFailure(error).cause; at; at = at.cause) depth += 1;
    expect(depth).toBe(5);
  });
});

describe('messageOf', () => {
  it('is one text for anything', () => {
    expect(messageOf(new Error('boom'))).toBe('boom');
    expect(messageOf(undefined)).toBe('threw undefined');
  });
});
