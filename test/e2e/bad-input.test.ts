import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BulkAnswer } from '../../src/contract/bulk.ts';
import type { Problem, StatsResource } from '../../src/contract/program.ts';
import { type ErrorCode, errorCatalogue } from '../../src/shared/errors.ts';
import { type Call, Installation, type Program } from '../support/program.ts';

const JSON_TYPE = { 'content-type': 'application/json' };

interface Fault {
  path: string;
  message: string;
}
const path = (text: string, message: unknown = expect.any(String)) => ({ path: text, message }) as Fault;

const echo = (options: object) => ({ json: { type: 'test:echo', input: 1, options } });
/** JSON that JavaScript cannot write. */
const raw = (text: string): Call => ({ method: 'POST', text, headers: JSON_TYPE });

const cases: [what: string, call: Call, code: ErrorCode, faults?: Fault[]][] = [
  ['JSON that breaks off', raw('{"type":"test:echo"'), 'MALFORMED_JSON'],
  ['a body over the limit', { json: { type: 'test:echo', input: 'x'.repeat(20_000) } }, 'BODY_TOO_LARGE'],
  [
    'numbers that take more room in the record than in the request',
    raw(`{"type":"test:echo","input":[${Array(2000).fill('1e20')}]}`),
    'INVALID_FIELDS',
    [path('input', expect.stringContaining('bytes of JSON'))],
  ],
  ['text', { text: '{}', headers: { 'content-type': 'text/plain' } }, 'UNSUPPORTED_MEDIA_TYPE'],
  [
    'a form',
    { text: 'type=a', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    'UNSUPPORTED_MEDIA_TYPE',
  ],
  [
    'JSON in Latin-1',
    { text: '{}', headers: { 'content-type': 'application/json; charset=latin1' } },
    'UNSUPPORTED_MEDIA_TYPE',
  ],
  ['gzip that is none', { text: '{}', headers: { ...JSON_TYPE, 'content-encoding': 'gzip' } }, 'INVALID_REQUEST'],
  ['no body', { method: 'POST' }, 'INVALID_FIELDS', [path('type'), path('input', 'is required')]],
  ['an array', { json: [] }, 'INVALID_FIELDS', [path('')]],
  ['no input', { json: { type: 'test:echo' } }, 'INVALID_FIELDS', [path('input', 'is required')]],
  [
    'an unknown type',
    { json: { type: 'test:nope', input: 1 } },
    'UNKNOWN_TYPE',
    [path('type', expect.stringContaining('test:echo'))],
  ],
  ['a type that is part of every object', { json: { type: '__proto__', input: 1 } }, 'UNKNOWN_TYPE', [path('type')]],
  [
    'input that does not fit the schema, with every fault',
    { json: { type: 'test:typed', input: { name: '', count: 99, items: [{ price: 1 }, { price: 'x', extra: 1 }] } } },
    'INVALID_FIELDS',
    [
      path('input.name'),
      path('input.count'),
      path('input.items.1.price'),
      path('input.items.1.extra', expect.stringMatching(/^is not known here; there are /)),
    ],
  ],
  [
    'a type, an input and options that are wrong, all at once',
    { json: { type: 'test:typed', input: { name: '', count: 99, items: [] }, options: { delayMs: -1 }, more: 1 } },
    'INVALID_FIELDS',
    [
      path('options.delayMs', 'must not be negative'),
      path('more', 'is not known here; there are type, input, options'),
      path('input.name'),
      path('input.count'),
    ],
  ],
  [
    'options that are wrong, with every fault',
    echo({
      priority: 101,
      attempts: 0,
      tags: [''],
      nope: 1,
      webhook: { url: 'ftp://example.com', events: ['job.done'] },
    }),
    'INVALID_FIELDS',
    [
      ...[path('options.priority'), path('options.attempts'), path('options.tags.0')],
      ...[
        path('options.webhook.url'),
        path('options.webhook.events.0'),
        path('options.nope', expect.stringContaining('deduplicationKey')),
      ],
    ],
  ],
  ['a negative delay', echo({ delayMs: -1 }), 'INVALID_FIELDS', [path('options.delayMs', 'must not be negative')]],
  [
    'a delay and a time',
    echo({ delayMs: 1, runAt: '2030-01-01T00:00:00Z' }),
    'INVALID_FIELDS',
    [path('options.runAt', expect.stringContaining('delayMs'))],
  ],
  ['a time that is none', echo({ runAt: 'tomorrow' }), 'INVALID_FIELDS', [path('options.runAt')]],
  ['a time before all computers', echo({ runAt: '0000-01-01T00:00:00Z' }), 'INVALID_FIELDS', [path('options.runAt')]],
  [
    'a queue that nobody serves',
    echo({ queue: 'nobody' }),
    'INVALID_FIELDS',
    [path('options.queue', expect.stringContaining('test'))],
  ],
  [
    'a name that is no name',
    echo({ tenant: 'a/b', queue: 'a b' }),
    'INVALID_FIELDS',
    [path('options.queue'), path('options.tenant')],
  ],
  [
    'NUL bytes',
    { json: { type: 'test:echo', input: { a: ['\0'], 'b\0': 1 }, options: { tags: ['\0'], metadata: { k: '\0' } } } },
    'INVALID_FIELDS',
    [
      path('input.a.0', expect.stringContaining('NUL')),
      path('input'),
      path('options.metadata.k'),
      path('options.tags.0'),
    ],
  ],
  [
    'half of a surrogate pair',
    raw('{"type":"test:echo","input":"\\ud800"}'),
    'INVALID_FIELDS',
    [path('input', expect.stringContaining('surrogate'))],
  ],
  [
    'NUL in the address of a webhook',
    echo({ webhook: { url: 'https://example.com/\0' } }),
    'INVALID_FIELDS',
    [path('options.webhook.url', expect.stringContaining('NUL'))],
  ],
  [
    'half of a surrogate pair in the address of a webhook',
    raw('{"type":"test:echo","input":1,"options":{"webhook":{"url":"https://example.com/\\ud800"}}}'),
    'INVALID_FIELDS',
    [path('options.webhook.url', expect.stringContaining('surrogate'))],
  ],
  [
    'a key __proto__ in the input',
    raw('{"type":"test:echo","input":{"a":{"__proto__":1}}}'),
    'INVALID_FIELDS',
    [path('input.a')],
  ],
  [
    'a key __proto__ in the metadata',
    raw('{"type":"test:echo","input":1,"options":{"metadata":{"__proto__":1}}}'),
    'INVALID_FIELDS',
    [path('options.metadata')],
  ],
  [
    'a key __proto__ in the options',
    raw('{"type":"test:echo","input":1,"options":{"__proto__":{"delayMs":5}}}'),
    'INVALID_FIELDS',
    [path('options')],
  ],
  [
    'a number that JavaScript takes for infinite',
    raw('{"type":"test:echo","input":1e999}'),
    'INVALID_FIELDS',
    [path('input')],
  ],
  [
    'endless nesting',
    { ...raw(`{"type":"test:echo","input":${'['.repeat(7000)}${']'.repeat(7000)}}`) },
    'INVALID_FIELDS',
    [path('input.0.0.0.0.0.0.0.0.0', expect.stringContaining('nested'))],
  ],
  ...[
    'http://127.0.0.1/',
    'http://localhost:3001/v1/jobs',
    'http://10.1.2.3/',
    'http://169.254.169.254/',
    'http://[::1]/',
    'http://2130706433/',
    'http://user:pass@example.com/',
  ].map((url): [string, Call, ErrorCode, Fault[]] => [
    `a webhook to ${url}`,
    echo({ webhook: { url } }),
    'ADDRESS_REFUSED',
    [path('options.webhook.url')],
  ]),
];

const badReads: [path: string, status: number, faults?: Fault[]][] = [
  ['/v1/jobs?status=done', 422, [path('status.0')]],
  ['/v1/jobs?limit=1&limit=2', 422, [path('limit')]],
  ['/v1/jobs?type=%00', 422, [path('type')]],
  ['/v1/jobs?cursor=abc', 422, [path('cursor', 'is not a cursor of this list with these filters')]],
  ['/v1/jobs?stauts=failed', 422, [path('stauts', expect.stringContaining('is not known here; there are'))]],
  [
    '/v1/jobs?stauts=failed&limit=0',
    422,
    [path('limit'), path('stauts', expect.stringContaining('is not known here; there are'))],
  ],
  ['/v1/jobs?input.=1&input.a=%00', 422, [path('input.'), path('input.a')]],
  ['/v1/jobs?input.a=1&input.a=2', 422, [path('input.a')]],
  ['/v1/jobs?parentId=x&createdAfter=today&q=', 422, [path('parentId'), path('createdAfter'), path('q')]],
  ['/v1/schedules?kind=cron', 422, [path('kind', 'is not known here; there are limit, cursor, type, enabled')]],
  ['/v1/jobs/not-an-id', 404],
  ['/v1/jobs/ID?wait=soon', 422, [path('wait')]],
  ['/v1/jobs/ID/logs?cursor=1', 422, [path('cursor', 'is not a cursor of this list with these filters')]],
  ['/v1/jobs/ID/attempts?cursor=x', 422, [path('cursor', 'is not a cursor of this list with these filters')]],
  ['/v1/jobs/ID/webhooks?cursor=1', 422, [path('cursor', 'is not a cursor of this list with these filters')]],
  ['/v1/jobs/ID/events?lastEventId=-1', 422, [path('lastEventId')]],
];

describe('bad input', () => {
  let installation: Installation;
  let program: Program;

  beforeAll(async () => {
    installation = await Installation.create({ settings: { OUTBOUND_ALLOW: 'none', MAX_BODY_BYTES: '16384' } });
    program = await installation.start();
  });
  afterAll(() => installation?.remove());

  const counts = async () => (await program.call<StatsResource>('/v1/stats')).body.counts;

  it.each(cases)('refuses %s with a problem, and stores nothing', async (_what, call, code, faults) => {
    const before = await counts();
    const { status, headers, body } = await program.call<Problem>('/v1/jobs', call);
    expect(headers.get('content-type')).toMatch(/^application\/problem\+json\b/);
    expect(body).toEqual({
      type: `urn:longshore:error:${code}`,
      title: errorCatalogue[code].title,
      status: errorCatalogue[code].status,
      detail: expect.stringMatching(/./),
      code,
      ...(faults ? { errors: expect.toSatisfy((errors: Fault[]) => errors.length === faults.length) } : {}),
    });
    expect(status).toBe(body.status);
    if (faults) expect(body.errors).toEqual(expect.arrayContaining(faults));
    expect(await counts()).toEqual(before);
  });

  it.each(badReads)('answers GET %s with %s', async (where, expected, faults) => {
    const { id } = await program.enqueue('test:echo', 1);
    const { status, headers, body } = await program.call<Problem>(where.replace('ID', id));
    expect(headers.get('content-type')).toMatch(/^application\/problem\+json\b/);
    expect(status).toBe(expected);
    if (faults) expect(body.errors).toEqual(faults);
  });

  it('takes the good jobs of a bulk request beside one with an address that cannot be stored', async () => {
    const good = { type: 'test:echo', input: 1 };
    const bad = { ...good, options: { webhook: { url: 'https://example.com/\0' } } };
    const { status, body } = await program.call<BulkAnswer>('/v1/jobs/bulk', { json: { jobs: [good, bad, good] } });
    expect(status).toBe(200);
    expect(body).toMatchObject({ accepted: 2, rejected: [{ index: 1, errors: [{ path: 'options.webhook.url' }] }] });
  });

  it.each([
    ['/v1/webhooks', 'url', { url: 'https://example.com/\0' }],
    ['/v1/batches', 'webhook.url', { webhook: { url: 'https://example.com/\0' } }],
    [
      '/v1/schedules',
      'options.webhook.url',
      {
        name: 'nul',
        type: 'test:echo',
        input: 1,
        everyMs: 1000,
        options: { webhook: { url: 'https://example.com/\0' } },
      },
    ],
  ])('refuses an address that cannot be stored at %s', async (route, at, json) => {
    const { status, body } = await program.call<Problem>(route, { json });
    expect([status, body.errors]).toEqual([422, [path(at)]]);
  });

  it('takes what is unusual and right', async () => {
    const input = { ключ: ['\u0001', '\ud83d\ude00', -0.5, 1e300, null], constructor: 'x', '': {} };
    const zipped = gzipSync(JSON.stringify({ type: 'test:echo', input }));
    const headers = { 'content-type': 'application/vnd.api+json; charset=UTF-8', 'content-encoding': 'gzip' };
    const answer = await fetch(`${program.url}/v1/jobs`, { method: 'POST', headers, body: zipped });
    expect(answer.status).toBe(202);
    const { id } = (await answer.json()) as { id: string };
    expect((await program.jobEnded(id)).output).toEqual(input);
  });

  it('reads a body that comes in pieces, of a length that is known or not, and begins with a byte order mark', async () => {
    const pieces = ['\ufeff{"type":"test:echo",', '"input":"ü', '😀"}'].map((text) => Buffer.from(text));
    const length = String(Buffer.concat(pieces).length);
    for (const headers of [JSON_TYPE, { ...JSON_TYPE, 'content-length': length }]) {
      const call = request(`${program.url}/v1/jobs`, { method: 'POST', headers });
      const answered = once(call, 'response');
      for (const piece of pieces) await new Promise((resolve) => call.write(piece, resolve));
      call.end();
      const [answer] = (await answered) as [IncomingMessage];
      expect(answer.statusCode).toBe(202);
      expect(JSON.parse((await answer.toArray()).join(''))).toMatchObject({ input: 'ü😀' });
    }
  });

  it('survives a caller that leaves while it sends', async () => {
    const call = request(`${program.url}/v1/jobs`, {
      method: 'POST',
      headers: { ...JSON_TYPE, 'content-length': '99' },
    });
    const failed = once(call, 'error');
    await new Promise((resolve) => call.write('{"type":', resolve));
    call.destroy(new Error('gone'));
    await failed;
    expect((await program.enqueue('test:echo', 1)).status).toBe('queued');
  });

  it('says nothing of its inside, and has logged no fault of its own', () => {
    expect(program.log.filter(({ level }) => level === 'error' || level === 'warn')).toEqual([
      expect.objectContaining({ message: expect.stringContaining('no ADMIN_KEY') }),
    ]);
  });
});
