import { describe, expect, it } from 'vitest';
import { isConflict, isConnectionError, isFaultOfQuery, isUniqueViolation, toStoreError } from './database-errors.ts';

describe('isConnectionError', () => {
  const coded = (code: string) => Object.assign(new Error('x'), { code });

  it('tells a server that is away from a statement that is wrong', () => {
    for (const code of ['ECONNREFUSED', 'ECONNRESET', '57P01', '57P03', '53300', '08006']) {
      expect(isConnectionError(coded(code))).toBe(true);
    }
    for (const code of ['23505', '22P05', '42601', '28P01', '25006'])
      expect(isConnectionError(coded(code))).toBe(false);
    expect(isConnectionError(new Error('Connection terminated unexpectedly'))).toBe(true);
    expect(isConnectionError(new Error('something else'))).toBe(false);
    expect(isConnectionError('ECONNREFUSED')).toBe(false);
  });

  it('looks at causes, and at every address that was tried', () => {
    expect(isConnectionError(new Error('failed', { cause: coded('ECONNRESET') }))).toBe(true);
    expect(isConnectionError(new AggregateError([coded('X'), coded('ECONNREFUSED')], 'all failed'))).toBe(true);
  });

  it('decides what toStoreError makes of an error', () => {
    const wrong = coded('23505');
    expect(toStoreError(wrong)).toBe(wrong);
    const away = coded('ECONNREFUSED');
    expect(toStoreError(away)).toMatchObject({ code: 'STORE_UNAVAILABLE', cause: away });
    for (const code of ['53100', '53200', '58030', '25006']) {
      expect(toStoreError(coded(code))).toMatchObject({
        code: 'STORE_UNAVAILABLE',
        message: expect.stringContaining('stores'),
      });
    }
  });
});

describe('a code of PostgreSQL', () => {
  const answered = (code: string) => Object.assign(new Error('refused'), { code });

  it('tells a statement that fails by itself from a server that is short of something', () => {
    for (const code of ['22012', '42601', '42501', '25006', 'P0001', '08P01']) {
      expect(isFaultOfQuery(answered(code))).toBe(true);
      expect(isFaultOfQuery(toStoreError(answered(code)))).toBe(true);
    }
    for (const code of ['57P01', '57014', '53200', '40001', '08006', 'ECONNRESET']) {
      expect(isFaultOfQuery(answered(code))).toBe(false);
      expect(isFaultOfQuery(toStoreError(answered(code)))).toBe(false);
    }
  });

  it('tells what works when it is tried again, and what is taken already', () => {
    for (const code of ['40001', '40P01']) expect(isConflict(answered(code))).toBe(true);
    expect(isUniqueViolation(answered('23505'))).toBe(true);
    for (const other of [answered('42601'), new Error('none'), '40001', undefined]) {
      expect([isConflict(other), isUniqueViolation(other)]).toEqual([false, false]);
    }
  });
});
