import { describe, expect, it } from 'vitest';
import { isSignal, NonRetryableError, RetryLaterError, SnoozeSignal } from '../../define/errors.ts';
import { AppError } from '../../shared/errors.ts';
import { toFailure } from '../../shared/failure.ts';
import { pack, unpack } from './thrown.ts';

const send = (thrown: unknown) => unpack(structuredClone(pack(thrown)));

describe('what is thrown in a thread', () => {
  it('arrives with its name, message, stack, code and causes', () => {
    const cause = new TypeError('inner', { cause: 'the innermost' });
    const thrown = Object.assign(new RangeError('outer', { cause }), { code: 'E_OUT', status: 503 });
    expect(toFailure(send(thrown))).toEqual(toFailure(thrown));
    expect(send(thrown)).toMatchObject({ status: 503 });
    expect(toFailure(send(new DOMException('stopped', 'AbortError')))).toMatchObject({
      name: 'AbortError',
      code: '20',
    });
  });

  it('is understood as what it is', () => {
    expect(isSignal(send(new NonRetryableError('no')), NonRetryableError)).toBe(true);
    const later = send(new RetryLaterError('busy', 500));
    expect(isSignal(later, RetryLaterError) && later.delayMs).toBe(500);
    const snoozed = send(new SnoozeSignal(70));
    expect(isSignal(snoozed, SnoozeSignal) && snoozed.delayMs).toBe(70);
    const errors = [{ path: 'input.a', message: 'is required' }];
    const refused = send(new AppError('INVALID_FIELDS', 'wrong', { errors }));
    expect(refused).toBeInstanceOf(AppError);
    expect(refused).toMatchObject({ code: 'INVALID_FIELDS', errors, message: 'wrong' });
  });

  it.each([['text'], [undefined], [null], [42], [{ reason: 'an object' }]])('may be no error: %j', (thrown) => {
    expect(send(thrown)).toEqual(thrown);
  });

  it('may hold what cannot be sent, or be unreadable, or its own cause', () => {
    expect(send(Object.assign(new Error('with a function'), { retry: () => 1, code: 'E' }))).toMatchObject({
      code: 'E',
    });
    expect(send(() => 1)).toMatch(/^threw /);
    const hostile = Object.defineProperty(new Error('x'), 'message', {
      get: () => {
        throw new Error('unreadable');
      },
    });
    expect(send(hostile)).toBe('threw something that cannot be read');
    const circular = new Error('round');
    circular.cause = circular;
    expect(toFailure(send(circular))).toMatchObject({ message: 'round', cause: { message: 'round' } });
  });
});
