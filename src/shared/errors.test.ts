import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { AppError, errorCatalogue, isAppError } from './errors.ts';

const page = readFileSync(new URL('../../docs/reference/errors.md', import.meta.url), 'utf8');

/** The rows of the table whose first column is a code. */
const documented = page
  .split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .flatMap(([, code, status, title]) => {
    const name = /^`([A-Z_]+)`$/.exec(code ?? '')?.[1];
    return name === undefined ? [] : [{ name, status: Number(status), title }];
  });

describe('the catalogue of errors', () => {
  it('and docs/reference/errors.md list the same codes, statuses and titles', () => {
    const catalogue = Object.entries(errorCatalogue).map(([name, entry]) => ({ name, ...entry }));
    const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name);
    expect(documented.toSorted(byName)).toEqual(catalogue.toSorted(byName));
  });

  it('has statuses that HTTP knows as errors', () => {
    for (const { status } of Object.values(errorCatalogue)) {
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(600);
    }
  });
});

describe('AppError', () => {
  it('carries its code, its faults and its cause, and is recognised by its code', () => {
    const cause = new Error('below');
    const errors = [{ path: 'a', message: 'b' }];
    const error = new AppError('INVALID_FIELDS', 'detail', { errors, cause });
    expect(error).toMatchObject({ name: 'AppError', code: 'INVALID_FIELDS', message: 'detail', errors, cause });
    expect(isAppError(error)).toBe(true);
    expect(isAppError(error, 'INVALID_FIELDS')).toBe(true);
    expect(isAppError(error, 'NOT_FOUND')).toBe(false);
    expect(isAppError(cause)).toBe(false);
    expect('cause' in new AppError('NOT_FOUND', 'x')).toBe(false);
  });
});
