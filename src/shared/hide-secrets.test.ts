import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { hideSecrets } from './hide-secrets.ts';

it('hides secrets in all that an error and its causes say', () => {
  const cause = Object.assign(new Error('got key-1'), { response: '535 key-1, key-2' });
  const error = new TypeError('refused key-1', { cause });
  expect(hideSecrets(error, ['key-1', 'key-2', '', 'e'])).toBe(error);
  expect(error.message).toBe('refused ***');
  expect(cause.response).toBe('535 ***, ***');
  expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('key-');
});

it('leaves alone what is no error, and ends with causes that go round', () => {
  const error = new Error('key-1');
  error.cause = error;
  expect(hideSecrets(error, ['key-1']).message).toBe('***');
  expect(hideSecrets('key-1', ['key-1'])).toBe('key-1');
});
