import { describe, expect, it } from 'vitest';
import { isContentType, isFileName, isFileReference, toFileName } from './file-keys.ts';

const KEY = '01980000-0000-7000-8000-000000000001-cat.jpg';

describe('toFileName', () => {
  it.each([
    ['cat.jpg', 'cat.jpg'],
    ['../../etc/passwd', 'passwd'],
    ['C:\\temp\\cat.jpg', 'cat.jpg'],
    ['Größe Ångström.txt', 'Grosse_Angstrom.txt'],
    ['.env', 'env'],
    ['a\0b', 'a_b'],
    ['--a', 'a'],
    [`${'x'.repeat(120)}.tar.gz`, `${'x'.repeat(93)}.tar.gz`],
    ['x'.repeat(120), 'x'.repeat(100)],
    [`a.${'x'.repeat(120)}`, `a.${'x'.repeat(98)}`],
  ])('makes %j %j', (text, name) => {
    expect(toFileName(text)).toBe(name);
    expect(isFileName(name)).toBe(true);
  });

  it.each(['', '.', '..', '...', '/', 'a/', '你好', '\0'])('makes nothing of %j', (text) => {
    expect(toFileName(text)).toBeUndefined();
  });
});

describe('isFileReference', () => {
  it.each([KEY, `/v1/files/${KEY}`, `https://jobs.example.com/x/v1/files/${KEY}?a#b`])('knows %s', (text) => {
    expect(isFileReference(text)).toBe(true);
  });

  it.each(['', 'cat.jpg', KEY.slice(1), `${KEY}/x`, 'https://example.com/cat.jpg', `/v1/files/${KEY}/..`])(
    'does not take %j for one',
    (text) => {
      expect(isFileReference(text)).toBe(false);
    },
  );
});

describe('isContentType', () => {
  it.each(['text/plain', 'text/csv; charset=utf-8', 'application/vnd.api+json', 'text/plain; a="b c"; d=e'])(
    'takes %s',
    (text) => expect(isContentType(text)).toBe(true),
  );

  it.each(['', 'text', 'text/', '/plain', 'text/plain\r\nx: y', 'text/plain; a', `text/${'x'.repeat(300)}`, 'a b/c'])(
    'refuses %j',
    (text) => expect(isContentType(text)).toBe(false),
  );
});
