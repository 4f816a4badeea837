import { expect, it } from 'vitest';
import { DEFAULT_URL, resolveSettings } from './settings.ts';

it('takes flags before variables, and the more particular variable first', () => {
  const environment = { LONGSHORE_URL: 'http://env', LONGSHORE_KEY: 'own', ADMIN_KEY: 'admin' };
  expect(resolveSettings({}, {})).toEqual({ url: DEFAULT_URL, key: undefined, isJson: false });
  expect(resolveSettings({}, environment)).toMatchObject({ url: 'http://env', key: 'own' });
  expect(resolveSettings({}, { ADMIN_KEY: 'admin' })).toMatchObject({ key: 'admin' });
  expect(resolveSettings({ url: 'https://flag', key: 'flag', json: true }, environment)).toEqual({
    url: 'https://flag',
    key: 'flag',
    isJson: true,
  });
});

it('counts an empty variable as unset', () => {
  expect(resolveSettings({}, { LONGSHORE_URL: '', LONGSHORE_KEY: '', ADMIN_KEY: 'admin' })).toMatchObject({
    url: DEFAULT_URL,
    key: 'admin',
  });
});

it('names where a wrong address comes from', () => {
  expect(() => resolveSettings({ url: 'localhost:3001' }, {})).toThrow('--url is "localhost:3001"');
  expect(() => resolveSettings({}, { LONGSHORE_URL: 'ftp://x' })).toThrow('LONGSHORE_URL is "ftp://x"');
});
