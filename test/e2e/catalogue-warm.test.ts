import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WarmOutput } from '../../src/builtin/cache/warm-schema.ts';
import type { Problem } from '../../src/contract/program.ts';
import { createLoopbackSite } from '../support/loopback-site.ts';
import { Installation, type Program } from '../support/program.ts';
import { serveShop } from '../support/warm-site.ts';

describe('cache:warm', () => {
  const site = createLoopbackSite();
  let installation: Installation;
  let program: Program;
  let shop = '';
  let fetched: string[];

  beforeAll(async () => {
    const served = serveShop(() => shop);
    fetched = served.fetched;
    shop = await site.serve(served.listener);
    installation = await Installation.create();
    program = await installation.start();
  });
  afterAll(async () => {
    await installation?.remove();
    await site.close();
  });

  it('warms what nested and gzipped sitemaps name, but for what robots.txt forbids', async () => {
    const run = async () => {
      const { id } = await program.enqueue('cache:warm', { sitemaps: [`${shop}/sitemap.xml`] });
      const job = await program.jobEnded(id);
      expect(job).toMatchObject({ status: 'completed', progress: { percent: 100, message: '4 of 5 URLs are warm' } });
      return job.output as WarmOutput;
    };
    expect(await run()).toMatchObject({
      urls: 5,
      warmed: 4,
      skipped: 1,
      failed: 0,
      cache: { hits: 0, misses: 4 },
      sitemaps: { read: 3 },
    });
    const second = await run();
    expect(second.cache).toEqual({ hits: 4, misses: 0, unknown: 0 });
    expect(fetched).not.toContain('/private/admin');

    const file = await fetch(new URL(second.results.url, program.url));
    const lines = (await file.text()).trimEnd().split('\n');
    expect(lines).toHaveLength(5);
    expect(lines.map((line) => JSON.parse(line))).toContainEqual({
      url: `${shop}/products/1`,
      status: 200,
      ms: expect.any(Number),
      bytes: 20,
      cache: {
        state: 'hit',
        cacheControl: 'public, max-age=60',
        age: 1,
        etag: null,
        headers: { 'x-cache': 'HIT' },
      },
    });
  });

  it('fails when too many URLs do, and a retry fetches those alone', async () => {
    let isUp = false;
    const seen: string[] = [];
    const base = await site.serve((request, response) => {
      seen.push(request.url ?? '');
      response.writeHead(request.url === '/good' || isUp ? 200 : 500).end();
    });
    const input = { urls: [`${base}/good`, `${base}/bad`], maxFailureShare: 0.1, respectRobots: false };
    const { id } = await program.enqueue('cache:warm', input, { attempts: 1 });
    expect(await program.jobEnded(id)).toMatchObject({
      status: 'failed',
      error: { message: expect.stringContaining('1 of 2 URLs failed') },
    });
    isUp = true;
    seen.length = 0;
    expect((await program.call(`/v1/jobs/${id}/retry`, { method: 'POST' })).status).toBe(202);
    expect(await program.jobEnded(id)).toMatchObject({ status: 'completed', output: { urls: 2, warmed: 2 } });
    expect(seen).toEqual(['/bad']);
  });

  it('fails at once for a sitemap that is not there, or is none', async () => {
    for (const path of ['/none.xml', '/about']) {
      const { id } = await program.enqueue('cache:warm', { sitemaps: [shop + path] });
      expect(await program.jobEnded(id)).toMatchObject({ status: 'failed', reason: 'non_retryable' });
    }
  });

  it('goes nowhere that jobs may not go, also when a sitemap says so', async () => {
    const base = await site.serve((_, response) =>
      response.end('<urlset><url><loc>http://169.254.169.254/latest/meta-data</loc></url></urlset>'),
    );
    const input = { sitemaps: [`${base}/a.xml`], sameHostOnly: false, respectRobots: false, maxFailureShare: 1 };
    const { id } = await program.enqueue('cache:warm', input);
    expect(await program.jobEnded(id)).toMatchObject({
      output: { failed: 1, failures: [{ error: expect.stringContaining('cloud metadata address') }] },
    });
  });

  it('is refused without anything to fetch', async () => {
    const answer = await program.call<Problem>('/v1/jobs', { json: { type: 'cache:warm', input: {} } });
    expect(answer).toMatchObject({ status: 422, body: { errors: [{ path: 'input.urls' }] } });
  });
});
