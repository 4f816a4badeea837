import type { RequestListener } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { createLoopbackSite } from '../../test/support/loopback-site.ts';
import { runJob } from '../testing.ts';
import { httpRequest } from './http-request.ts';
import type { httpRequestInputSchema } from './http-request-schema.ts';

const site = createLoopbackSite();
afterEach(() => site.close());

type Input = z.input<typeof httpRequestInputSchema>;

async function request(
  listener: RequestListener,
  input: Partial<Input> = {},
  options: { signal?: AbortSignal; services?: { fetch: typeof site.fetch } } = {},
) {
  const base = await site.serve(listener);
  return runJob(httpRequest, { url: `${base}/path?key=secret`, ...input }, { services: site, ...options });
}

function failure(promise: Promise<unknown>): Promise<Error & { delayMs?: number }> {
  return promise.then(
    () => Promise.reject(new Error('it should have failed')),
    (error: Error) => error,
  );
}

describe('a successful request', () => {
  it('keeps status, headers, parsed JSON and the size, and reports what it does', async () => {
    const { output, progress, logs } = await request((_, response) => {
      response.setHeader('set-cookie', ['a=1', 'b=2']);
      response.setHeader('content-type', 'application/problem+json; charset=utf-8').end('{"a":[1,"é"]}');
    });
    expect(output).toMatchObject({
      status: 200,
      headers: { 'content-type': 'application/problem+json; charset=utf-8', 'set-cookie': 'a=1, b=2' },
      body: { a: [1, 'é'] },
      bodyEncoding: 'json',
      bytes: 14,
      durationMs: expect.any(Number),
    });
    expect(output.url).toMatch(/\/path\?key=secret$/);
    expect(progress.at(0)?.message).toMatch(/^GET http.*\/path$/);
    expect(progress.at(-1)).toEqual({ percent: 100, message: '200 OK, 14 bytes' });
    expect(logs).toEqual([
      { level: 'info', message: expect.stringContaining('answered 200, 14 bytes'), fields: expect.anything() },
    ]);
    expect(JSON.stringify({ progress, logs })).not.toContain('secret');
  });

  it.each<[string, Partial<Input>, string]>([
    [
      'a string as it is',
      { method: 'put', body: 'plain', headers: { 'X-A': 'b' } },
      'PUT text/plain;charset=UTF-8 plain',
    ],
    ['a JSON value as JSON', { method: 'POST', body: { a: 1 } }, 'POST application/json {"a":1}'],
    ['false as JSON', { method: 'POST', body: false }, 'POST application/json false'],
    ['no body for null', { method: 'DELETE', body: null }, 'DELETE undefined '],
    [
      'its own content type',
      { method: 'POST', body: [1], headers: { 'Content-Type': 'application/vnd.a+json' } },
      'POST application/vnd.a+json [1]',
    ],
  ])('sends %s', async (_, input, expected) => {
    const { output } = await request(async (received, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of received) chunks.push(chunk);
      response.end(`${received.method} ${received.headers['content-type']} ${Buffer.concat(chunks)}`);
    }, input);
    expect(output.body).toBe(expected);
  });

  it.each<[string, string | undefined, Buffer | string, unknown, string]>([
    ['text', 'text/html', '<p>é</p>', '<p>é</p>', 'text'],
    ['text without a content type', undefined, 'hello', 'hello', 'text'],
    ['text of another charset', 'text/plain; charset=iso-8859-1', Buffer.from([0xe9]), 'é', 'text'],
    ['text of an unknown charset', 'text/plain; charset=klingon', 'ok', 'ok', 'text'],
    ['broken JSON as text', 'application/json', '{"a":', '{"a":', 'text'],
    ['binary as base64', 'image/png', Buffer.from([0x89, 0x50, 0xff]), 'iVD/', 'base64'],
    ['text with NUL as base64', 'text/plain', 'a\u0000b', 'YQBi', 'base64'],
    ['JSON with NUL, which the record cannot hold, as text', 'application/json', '"\\u0000"', '"\\u0000"', 'text'],
    ['JSON with half a surrogate pair as text', 'application/json', '{"\\ud800":1}', '{"\\ud800":1}', 'text'],
    ['an empty body as none', 'application/json', '', null, 'none'],
  ])('keeps %s', async (_, type, sent, body, bodyEncoding) => {
    const { output } = await request((_request, response) => {
      if (type) response.setHeader('content-type', type);
      response.end(sent);
    });
    expect(output).toMatchObject({ body, bodyEncoding });
  });

  it('decodes a compressed answer', async () => {
    const { output } = await request((_, response) => {
      response.setHeader('content-encoding', 'gzip').end(gzipSync('squeezed'));
    });
    expect(output).toMatchObject({ body: 'squeezed', bytes: 8 });
  });

  it('follows redirects and says where it ended', async () => {
    const { output } = await request((received, response) => {
      if (received.url === '/end') response.end('there');
      else response.writeHead(301, { location: '/end' }).end();
    });
    expect(output.body).toBe('there');
    expect(output.url).toMatch(/\/end$/);
  });

  it.each<[number, Input['successStatuses']]>([
    [404, [404]],
    [404, ['4xx']],
    [503, ['200-204', '500-599']],
    [302, ['302']],
  ])('takes %i for success when it is listed as %j', async (status, successStatuses) => {
    const { output } = await request((_, response) => response.writeHead(status).end('x'), {
      successStatuses,
      followRedirects: false,
    });
    expect(output.status).toBe(status);
  });
});

describe('an answer that is no success', () => {
  it.each([500, 502, 503, 599, 408, 425, 429])('%i is tried again', async (status) => {
    const error = await failure(
      request((_, response) => response.writeHead(status, { 'content-type': 'text/plain' }).end('over\n loaded')),
    );
    expect(error.name).toBe('Error');
    expect(error.message).toMatch(new RegExp(`/path answered ${status}.*: over loaded`));
    expect(error.message).not.toContain('secret');
  });

  it.each([400, 401, 404, 422])('%i fails at once', async (status) => {
    const error = await failure(request((_, response) => response.writeHead(status).end()));
    expect(error.name).toBe('NonRetryableError');
    expect(error.message).toContain(`answered ${status}`);
  });

  it('a redirect that is not followed fails at once and says so', async () => {
    const error = await failure(
      request((_, response) => response.writeHead(302, { location: '/x' }).end(), { followRedirects: false }),
    );
    expect(error.name).toBe('NonRetryableError');
    expect(error.message).toContain('redirect that was not followed');
  });

  it('a success that is not among the wanted statuses fails at once', async () => {
    const error = await failure(request((_, response) => response.end(), { successStatuses: [201] }));
    expect(error.name).toBe('NonRetryableError');
  });

  it('Retry-After in seconds chooses the next attempt', async () => {
    const error = await failure(request((_, response) => response.writeHead(429, { 'retry-after': '120' }).end()));
    expect(error).toMatchObject({ name: 'RetryLaterError', delayMs: 120_000 });
    expect(error.message).toContain('asks to wait 120 s');
  });

  it('Retry-After as a date chooses the next attempt', async () => {
    const date = new Date(Date.now() + 3_600_000).toUTCString();
    const error = await failure(request((_, response) => response.writeHead(503, { 'retry-after': date }).end()));
    expect(error.name).toBe('RetryLaterError');
    expect(error.delayMs).toBeGreaterThan(3_500_000);
    expect(error.delayMs).toBeLessThanOrEqual(3_600_000);
  });

  it('Retry-After beyond a day waits a day', async () => {
    const error = await failure(
      request((_, response) => response.writeHead(503, { 'retry-after': '9'.repeat(20) }).end()),
    );
    expect(error).toMatchObject({ name: 'RetryLaterError', delayMs: 86_400_000 });
  });

  it.each(['0', 'soon'])('Retry-After "%s" leaves the wait to the backoff', async (header) => {
    const error = await failure(request((_, response) => response.writeHead(503, { 'retry-after': header }).end()));
    expect(error.name).toBe('Error');
  });

  it('does not read an endless error page', async () => {
    const error = await failure(
      request((_, response) => {
        response.writeHead(500, { 'content-type': 'text/plain' });
        const fill = () => {
          while (!response.destroyed && response.write('x'.repeat(65_536)));
        };
        response.on('drain', fill);
        fill();
      }),
    );
    expect(error.message.length).toBeLessThan(500);
  });
});

describe('a fault on the way', () => {
  it('a closed port is tried again and names the reason', async () => {
    const base = await site.serve((_, response) => response.end());
    await site.close();
    const error = await failure(runJob(httpRequest, { url: base }, { services: site }));
    expect(error.name).toBe('Error');
    expect(error.message).toMatch(/failed: .*ECONNREFUSED/);
  });

  it('a connection that breaks within the body is tried again', async () => {
    const error = await failure(
      request((received, response) => {
        response.writeHead(200, { 'content-length': '1000' });
        response.write('part', () => received.socket.destroy());
      }),
    );
    expect(error.name).toBe('Error');
    expect(error.message).toContain('failed:');
  });

  it('a refused address fails at once', async () => {
    const error = await failure(runJob(httpRequest, { url: 'http://10.0.0.1/' }, { services: site }));
    expect(error).toMatchObject({ name: 'NonRetryableError', cause: { code: 'ADDRESS_REFUSED' } });
    expect(error.message).toContain('OUTBOUND_ALLOW');
  });

  it('a redirect to a refused address fails at once', async () => {
    const error = await failure(
      request((_, response) => response.writeHead(302, { location: 'http://169.254.169.254/' }).end()),
    );
    expect(error).toMatchObject({ name: 'NonRetryableError', cause: { code: 'ADDRESS_REFUSED' } });
  });

  it.each(['before the headers', 'within the body'])('a server that falls silent %s is tried again', async (when) => {
    const error = await failure(
      request(
        (_, response) => {
          if (when === 'within the body') response.writeHead(200).write('part');
        },
        { timeoutMs: 50 },
      ),
    );
    expect(error.name).toBe('Error');
    expect(error.message).toContain('no complete answer within 50 ms');
  });

  it.each(['before the headers', 'within the body'])('an abort %s ends the request with its reason', async (when) => {
    const controller = new AbortController();
    const closed = Promise.withResolvers<void>();
    const reason = new Error('cancelled by a person');
    const error = await failure(
      request(
        (received, response) => {
          received.socket.once('close', closed.resolve);
          if (when === 'within the body') response.writeHead(200).write('part', () => controller.abort(reason));
          else controller.abort(reason);
        },
        {},
        { signal: controller.signal },
      ),
    );
    expect(error).toBe(reason);
    await closed.promise;
  });
});

describe('the size limit', () => {
  it('takes an answer of exactly the limit', async () => {
    const { output } = await request((_, response) => response.end('x'.repeat(100)), { maxResponseBytes: 100 });
    expect(output.bytes).toBe(100);
  });

  it('fails at once on an announced size above it, and names both', async () => {
    const error = await failure(request((_, response) => response.end('x'.repeat(101)), { maxResponseBytes: 100 }));
    expect(error.name).toBe('NonRetryableError');
    expect(error.message).toContain('101 bytes, more than maxResponseBytes allows (100 bytes)');
  });

  it('fails at once on an endless answer', async () => {
    const closed = Promise.withResolvers<void>();
    const error = await failure(
      request((received, response) => {
        received.socket.once('close', closed.resolve);
        const fill = () => {
          while (!response.destroyed && response.write('x'.repeat(65_536)));
        };
        response.on('drain', fill);
        fill();
      }),
    );
    expect(error.name).toBe('NonRetryableError');
    expect(error.message).toContain('maxResponseBytes allows (262144 bytes)');
    await closed.promise;
  });

  it('counts bytes after decompression', async () => {
    const error = await failure(
      request((_, response) => response.setHeader('content-encoding', 'gzip').end(gzipSync('x'.repeat(10_000))), {
        maxResponseBytes: 1000,
      }),
    );
    expect(error.message).toContain('larger than maxResponseBytes allows (1000 bytes)');
  });

  it('fails at once when the answer would outgrow the record as JSON', async () => {
    const error = await failure(
      request((_, response) => response.end(Buffer.alloc(900_000, 0xff)), { maxResponseBytes: 1_000_000 }),
    );
    expect(error.name).toBe('NonRetryableError');
    expect(error.message).toMatch(/900000 bytes, which are 12\d{5} as JSON; a job keeps at most 1048576/);
  });

  it('does not apply to HEAD, which announces a size without a body', async () => {
    const { output } = await request((_, response) => response.writeHead(200, { 'content-length': '9999999' }).end(), {
      method: 'HEAD',
    });
    expect(output).toMatchObject({ body: null, bodyEncoding: 'none', bytes: 0 });
  });
});

describe('an invalid input', () => {
  it.each<[string, Record<string, unknown>, string]>([
    ['another protocol', { url: 'ftp://example.com/' }, 'input.url'],
    ['no URL', { url: 'example.com' }, 'input.url'],
    ['a password in the URL', { url: 'https://me:pw@example.com/' }, 'input.url'],
    ['a method that fetch forbids', { method: 'connect' }, 'input.method'],
    ['a method that is no token', { method: 'GET /' }, 'input.method'],
    ['a body with GET', { body: 'x' }, 'input.body'],
    ['a header value with a line break', { headers: { a: 'b\r\nc: d' } }, 'input.headers.a'],
    ['a header name with a space', { headers: { 'a b': 'c' } }, 'input.headers.a b'],
    ['a header of the connection', { headers: { 'Content-Length': '5' } }, 'input.headers.Content-Length'],
    ['a status pattern that is none', { successStatuses: ['9xx'] }, 'input.successStatuses.0'],
    ['no status at all', { successStatuses: [] }, 'input.successStatuses'],
    ['a limit above what a record holds', { maxResponseBytes: 1_048_576 }, 'input.maxResponseBytes'],
    ['a field that is not known', { bogus: 1 }, 'input.bogus'],
  ])('is refused with its path: %s', async (_, fields, path) => {
    const input = { url: 'https://example.com/', ...fields } as Input;
    await expect(runJob(httpRequest, input, { services: site })).rejects.toMatchObject({
      code: 'INVALID_FIELDS',
      errors: [expect.objectContaining({ path })],
    });
  });
});
