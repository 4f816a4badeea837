import { expect, it } from 'vitest';
import { parseStorageUrl } from './storage-settings.ts';

const bucket = {
  kind: 's3',
  bucket: 'files',
  prefix: '',
  endpoint: undefined,
  region: undefined,
  forcePathStyle: false,
};

it.each([
  [undefined, { kind: 'local', dir: '/data' }],
  ['file:///var/lib/files', { kind: 'local', dir: '/var/lib/files' }],
  ['file:///var/with%20space', { kind: 'local', dir: '/var/with space' }],
  ['s3://files', bucket],
  ['s3://files/', bucket],
  ['s3://files/a/b/', { ...bucket, prefix: 'a/b/' }],
  ['s3://files?region=eu-central-1', { ...bucket, region: 'eu-central-1' }],
  ['s3://files?endpoint=http://127.0.0.1:9000', { ...bucket, endpoint: 'http://127.0.0.1:9000', forcePathStyle: true }],
  [
    's3://files?endpoint=https://s3.example.com&forcePathStyle=false',
    { ...bucket, endpoint: 'https://s3.example.com' },
  ],
])('%s is understood', (url, settings) => expect(parseStorageUrl(url, '/data')).toEqual(settings));

it.each([
  ['file://host/var', 'without a host'],
  ['s3://', 's3://bucket/prefix'],
  ['s3://a', 's3://bucket/prefix'],
  ['s3://key:secret@files', 'AWS_ACCESS_KEY_ID'],
  ['s3://files/a%2f..%2fb', 'has no ".."'],
  ['s3://files/a//b', 'a prefix is words'],
  ['s3://files/%00', 'a prefix is words'],
  ['s3://files/%zz', 'percent-encoding'],
  ['s3://files?enpoint=x', 'parameter "enpoint"'],
  ['s3://files?endpoint=nowhere', 'endpoint must be'],
  ['s3://files?forcePathStyle=1', 'true or false'],
  ['ftp://files', 'file:// or s3://'],
])('%s is refused: %s', (url, why) => {
  let fault: unknown;
  try {
    parseStorageUrl(url, '/data');
  } catch (error) {
    fault = error;
  }
  expect(fault).toMatchObject({ code: 'INVALID_CONFIGURATION', message: expect.stringContaining(why) });
  expect(String(fault)).not.toContain('secret');
});
