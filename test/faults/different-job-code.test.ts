import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { TransportName } from '../../src/define/queue.ts';
import { Installation } from '../support/program.ts';

describe.each<TransportName>(['postgres', 'bullmq'])(
  'two workers with different job code, on the %s transport',
  (transport) => {
    let installation: Installation;
    afterEach(() => installation?.remove());

    it('a job waits for the worker that knows it, and the other one goes on with what it knows', async () => {
      installation = await Installation.create({ transport });
      const older = join(installation.folder, 'older-jobs');
      mkdirSync(older);
      const api = await installation.start({ MODE: 'api' });
      await installation.start({ MODE: 'worker', JOBS_DIR: older });
      const unknown = await api.enqueue('test:echo', 'new', { queue: 'http' });
      const known = await api.enqueue('http:request', { url: `${api.url}/health/live` }, { queue: 'http' });
      expect(await api.jobEnded(known.id)).toMatchObject({ status: 'completed', output: { status: 200 } });
      expect(['queued', 'scheduled']).toContain((await api.job(unknown.id)).status);

      await installation.start({ MODE: 'worker' });
      expect(await api.jobEnded(unknown.id, 60_000)).toMatchObject({ status: 'completed', output: 'new', attempt: 1 });
    });

    it('a job that names a query fails at once where the worker has none of that name', async () => {
      installation = await Installation.create({ transport });
      const older = join(installation.folder, 'older-jobs');
      mkdirSync(older);
      const api = await installation.start({ MODE: 'api' });
      await installation.start({ MODE: 'worker', JOBS_DIR: older });
      const { id } = await api.enqueue('data:export', { query: 'test.place' });
      expect(await api.jobEnded(id)).toMatchObject({
        ...{ status: 'failed', reason: 'invalid_input', attempt: 1 },
        error: { message: 'input.query: there is no query "test.place"; there are: jobs, records' },
      });
    });
  },
);
