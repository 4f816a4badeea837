import { readFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { createLoopbackSite } from '../../../test/support/loopback-site.ts';
import { parseWith } from '../../define/registry.ts';
import { runJob } from '../../testing.ts';
import { cacheWarm } from './warm-job.ts';
import type { UrlResult, warmInputSchema } from './warm-schema.ts';

const site = createLoopbackSite();
afterEach(() => site.close());

type Input = z.input<typeof warmInputSchema>;
type Routes = Record<string, string | Uint8Array | ((request: IncomingMessage, response: ServerResponse) => void)>;

/** A server with pages by path, whose addresses may hold BASE; others are not there. */
async function serve(routes: Routes): Promise<{ base: string; seen: IncomingMessage[]; paths: () => string[] }> {
  const seen: IncomingMessage[] = [];
  let base = '';
  const listener: RequestListener = (request, response) => {
    seen.push(request);
    const answer = routes[request.url ?? ''];
    if (answer === undefined) response.writeHead(404).end();
    else if (typeof answer === 'function') answer(request, response);
    else response.end(typeof answer === 'string' ? answer.replaceAll('BASE', base) : answer);
  };
  base = await site.serve(listener);
  return { base, seen, paths: () => seen.map(({ url = '' }) => url) };
}

const warm = (input: Input, options: Omit<Parameters<typeof runJob>[2], 'services'> = {}) =>
  runJob(cacheWarm, input, { services: { fetch: site.fetch }, ...options });

const linesOf = (path: string | undefined) =>
  readFileSync(path ?? '', 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as UrlResult);

const urlset = (...urls: string[]) => `<urlset>${urls.map((url) => `<url><loc>${url}</loc></url>`).join('')}</urlset>`;
const index = (...urls: string[]) =>
  `<sitemapindex>${urls.map((url) => `<sitemap><loc>${url}</loc></sitemap>`).join('')}</sitemapindex>`;

describe('a list of URLs', () => {
  it('is fetched and dropped; the output counts, the file has each result', async () => {
    const { base, seen } = await serve({
      '/hit': (_, response) =>
        response
          .writeHead(200, { 'x-cache': 'HIT', age: '7', etag: '"e"', 'cache-control': 'public, max-age=60' })
          .end('12345'),
      '/miss': (_, response) => response.writeHead(200, { 'x-cache': 'MISS' }).end('123'),
      '/plain': '1',
      '/broken': (_, response) => response.writeHead(500).end(),
    });
    const urls = ['hit', 'miss', 'plain', 'broken', 'hit'].map((path) => `${base}/${path}`);
    const { output, files, progress } = await warm({ urls, headers: { 'x-a': 'b' }, userAgent: 'warmer/2' });
    expect(output).toMatchObject({
      urls: 4,
      warmed: 3,
      failed: 1,
      skipped: 0,
      bytes: 9,
      cache: { hits: 1, misses: 1, unknown: 1 },
      statuses: { 200: 3, 500: 1 },
      failures: [{ url: `${base}/broken`, status: 500, error: 'answered 500 Internal Server Error' }],
      sitemaps: { read: 0, failures: [], ignored: 0, isTruncated: false },
    });
    expect(output.slowest).toHaveLength(3);
    const lines = linesOf(files.at(-1)?.path);
    expect(lines).toHaveLength(4);
    expect(lines.find(({ url }) => url === `${base}/hit`)).toEqual({
      url: `${base}/hit`,
      status: 200,
      ms: expect.any(Number),
      bytes: 5,
      cache: {
        state: 'hit',
        cacheControl: 'public, max-age=60',
        age: 7,
        etag: '"e"',
        headers: { 'x-cache': 'HIT' },
      },
    });
    expect(progress.at(-1)).toEqual({ percent: 100, message: '3 of 4 URLs are warm' });
    for (const { url, headers } of seen) {
      expect(headers['user-agent'], url).toBe('warmer/2');
      expect(headers['x-a'], url).toBe(url === '/robots.txt' ? undefined : 'b');
    }
  });

  it('counts a network fault, a slow answer and a large one as failures of their URLs alone', async () => {
    const { base } = await serve({
      '/cut': (_, response) => response.destroy(),
      '/slow': () => {},
      '/large': 'x'.repeat(2000),
      '/ok': 'ok',
    });
    const urls = ['cut', 'slow', 'large', 'ok'].map((path) => `${base}/${path}`);
    const { output } = await warm({ urls, timeoutMs: 3000, maxBytes: 1000, maxFailureShare: 1 });
    expect(output).toMatchObject({ warmed: 1, failed: 3 });
    const errors = Object.fromEntries(output.failures.map(({ url, error }) => [new URL(url).pathname, error]));
    expect(errors['/slow']).toContain('no complete answer within 3000 ms');
    expect(errors['/large']).toContain('1000');
    expect(errors['/cut']).toContain('failed');
  });

  it('asks for HEAD alone where that is wanted', async () => {
    const { base, seen } = await serve({ '/a': 'content' });
    const { output } = await warm({ urls: [`${base}/a`], method: 'HEAD', respectRobots: false });
    expect(seen.map(({ method }) => method)).toEqual(['HEAD']);
    expect(output).toMatchObject({ warmed: 1, bytes: 0 });
  });

  it('is never fetched by more requests at once than allowed', async () => {
    const held: ServerResponse[] = [];
    let most = 0;
    const base = await site.serve((_, response) => {
      held.push(response);
      most = Math.max(most, held.length);
      if (held.length >= 3) setImmediate(() => held.splice(0).forEach((each) => void each.end()));
    });
    const urls = Array.from({ length: 9 }, (_, page) => `${base}/${page}`);
    const { output } = await warm({ urls, concurrencyPerHost: 3, respectRobots: false });
    expect(output.warmed).toBe(9);
    expect(most).toBe(3);
  });

  it('waits as a busy server asks, and tries its URL once more', async () => {
    let calls = 0;
    const { base } = await serve({
      '/busy': (_, response) => {
        calls += 1;
        response.writeHead(calls === 1 ? 429 : 200, calls === 1 ? { 'retry-after': '1' } : {}).end();
      },
    });
    expect((await warm({ urls: [`${base}/busy`] })).output).toMatchObject({ warmed: 1, failed: 0 });
    expect(calls).toBe(2);
  });

  it('ends with the reason of a cancel', async () => {
    const cancel = new AbortController();
    const { base } = await serve({ '/a': () => cancel.abort(new Error('cancelled')) });
    await expect(warm({ urls: [`${base}/a`] }, { signal: cancel.signal })).rejects.toThrow('cancelled');
  });
});

describe('an attempt of which too many URLs failed', () => {
  it('fails, and the next one fetches those alone', async () => {
    let isUp = false;
    const { base, paths, seen } = await serve({
      '/a': 'a',
      '/b': (_, response) => response.writeHead(isUp ? 200 : 500).end(),
    });
    const input = { urls: [`${base}/a`, `${base}/b`], maxFailureShare: 0.4, respectRobots: false };
    const job = { id: '01980000-0000-7000-8000-00000000c0de' };
    const first = warm(input, { job });
    await expect(first).rejects.toThrow(/^1 of 2 URLs failed, e\.g\. .*\/b: answered 500/);
    isUp = true;
    seen.length = 0;
    const lastCheckpoint = { results: `${job.id}-results.jsonl` };
    const { output, files } = await warm(input, { job, lastCheckpoint });
    expect(paths()).toEqual(['/b']);
    expect(output).toMatchObject({ urls: 2, warmed: 2, failed: 0 });
    expect(linesOf(files.at(-1)?.path)).toHaveLength(2);
  });

  it('begins anew where its results are gone', async () => {
    const { base, paths } = await serve({ '/a': 'a' });
    const lastCheckpoint = { results: '01980000-0000-7000-8000-00000000dead-results.jsonl' };
    const { logs } = await warm({ urls: [`${base}/a`], respectRobots: false }, { lastCheckpoint });
    expect(paths()).toEqual(['/a']);
    expect(logs.map(({ message }) => message)).toContainEqual(expect.stringContaining('begins anew'));
  });
});

describe('a sitemap', () => {
  const pages = urlset('BASE/p/1', 'BASE/p/2#part', 'BASE/p/a.pdf', 'BASE/about', 'https://else.example/p/3', 'x');
  const warmSitemap = ({ base }: { base: string }, input: Partial<Input> = {}) =>
    warm({ sitemaps: [`${base}/sitemap.xml`], respectRobots: false, ...input });

  it('is followed through an index and gzip, filtered, and kept to its host', async () => {
    const server = await serve({
      '/sitemap.xml': index('BASE/pages.xml.gz', 'BASE/pages.xml.gz', 'BASE/gone.xml', 'https://else.example/a.xml'),
      '/pages.xml.gz': (_, response) => response.end(gzipSync(pages.replaceAll('BASE', server.base))),
      '/p/1': '1',
      '/p/2': '2',
    });
    const { output } = await warmSitemap(server, { include: ['*/p/*'], exclude: ['*.pdf'] });
    expect(output).toMatchObject({
      urls: 2,
      warmed: 2,
      sitemaps: {
        read: 2,
        ignored: 3,
        failures: [{ url: `${server.base}/gone.xml`, error: expect.stringContaining('404') }],
      },
    });
    expect(server.paths().filter((path) => path.startsWith('/p/'))).toEqual(['/p/1', '/p/2']);
  });

  it('ends where maxUrls is reached', async () => {
    const server = await serve({ '/sitemap.xml': urlset('BASE/1', 'BASE/2', 'BASE/3') });
    const { output } = await warmSitemap(server, { maxUrls: 2, maxFailureShare: 1 });
    expect(output).toMatchObject({ urls: 2, sitemaps: { isTruncated: true } });
  });

  it('that names itself, or indexes without end, is followed a few levels', async () => {
    const server = await serve({
      '/sitemap.xml': index('BASE/sitemap.xml', 'BASE/2.xml'),
      '/2.xml': index('BASE/3.xml'),
      '/3.xml': index('BASE/4.xml'),
    });
    const { output } = await warmSitemap(server);
    expect(output).toMatchObject({ urls: 0, sitemaps: { read: 3, ignored: 1 } });
  });

  it.each<[string, Routes, object]>([
    ['is not there fails the job', {}, { name: 'NonRetryableError', message: expect.stringContaining('404') }],
    ['is none fails the job', { '/sitemap.xml': '<html/>' }, { name: 'NonRetryableError' }],
    [
      'cannot be had for now is asked for again',
      { '/sitemap.xml': (_, response) => response.writeHead(503, { 'retry-after': '9' }).end() },
      { name: 'RetryLaterError', delayMs: 9000 },
    ],
    ['breaks off is asked for again', { '/sitemap.xml': (_, response) => response.destroy() }, { name: 'Error' }],
  ])('that %s', async (_, routes, expected) => {
    await expect(warmSitemap(await serve(routes))).rejects.toMatchObject(expected);
  });
});

describe('robots.txt', () => {
  it('decides what is fetched', async () => {
    const { base, paths } = await serve({
      '/robots.txt': 'User-agent: other\nDisallow: /\n\nUser-agent: *\nDisallow: /private\nAllow: /private/open$\n',
      '/a': 'a',
      '/private/open': 'b',
    });
    const urls = ['/a', '/private/x', '/private/open'].map((path) => base + path);
    const { output, files } = await warm({ urls });
    expect(output).toMatchObject({ warmed: 2, skipped: 1, failed: 0 });
    expect(paths().toSorted()).toEqual(['/a', '/private/open', '/robots.txt']);
    expect(linesOf(files.at(-1)?.path).find(({ skipped }) => skipped)?.url).toBe(`${base}/private/x`);
  });

  it('is asked for once for each host, and may name our agent', async () => {
    const { base, paths } = await serve({ '/robots.txt': 'User-agent: Warmer\nDisallow: /\n' });
    const urls = ['/a', '/b'].map((path) => base + path);
    expect((await warm({ urls, userAgent: 'warmer/2.0' })).output).toMatchObject({ skipped: 2 });
    expect(paths()).toEqual(['/robots.txt']);
  });

  it.each<[string, Routes[string], number]>([
    ['503', (_, response) => response.writeHead(503).end(), 1],
    ['no answer', (_, response) => response.destroy(), 1],
    ['endless wildcards', `User-agent: *\n${'Disallow: /*a*b\n'.repeat(5000)}`, 1],
    ['403', (_, response) => response.writeHead(403).end(), 0],
    ['more than is read', `User-agent: *\n${'# nothing\n'.repeat(60_000)}Disallow: /\n`, 0],
  ])('that is %s leads to as many failures: %3$i', async (_, robots, failed) => {
    const { base } = await serve({ '/robots.txt': robots, '/a': 'a' });
    const { output } = await warm({ urls: [`${base}/a`], maxFailureShare: 1 });
    expect(output.failed).toBe(failed);
  });

  it('may ask for a longer delay than the input', async () => {
    const { base } = await serve({ '/robots.txt': 'User-agent: *\nCrawl-delay: 0.05\n', '/a': 'a', '/b': 'b' });
    const startedAt = performance.now();
    await warm({ urls: [`${base}/a`, `${base}/b`], delayMs: 1 });
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(50); // a slow machine only takes longer
  });
});

describe('the input', () => {
  it.each<[string, object]>([
    ['nothing to fetch', {}],
    ['a URL with a password', { urls: ['https://a:b@example.com/'] }],
    ['a URL that is too long', { urls: [`https://example.com/${'x'.repeat(2048)}`] }],
    ['a user agent with a line break', { urls: ['https://example.com/'], userAgent: 'a\nb' }],
    ['an unknown field', { urls: ['https://example.com/'], depth: 3 }],
  ])('with %s is refused', async (_, input) => {
    const parsed = await parseWith(cacheWarm.inputSchema, input, 'input');
    expect(parsed.ok).toBe(false);
  });
});
