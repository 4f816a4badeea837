import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { TransportName } from '../../src/define/queue.ts';
import { countNotes, readNotes } from '../support/notes.ts';
import { waitFor } from '../support/wait-for.ts';
import { allEnded, FOUR, keepWorkers, query, resultOf, stepsOf } from './pipelines.ts';
import { install } from './setup.ts';

const completed = FOUR.map((step) => `${step} completed`);
const STAGES = [1, 2, 3, 4];

describe.each<TransportName>(['postgres', 'bullmq'])(
  'kill -9 of the worker of a pipeline, on the %s transport',
  (transport) => {
    it('before, during and after each of its steps costs no result and repeats none', {
      timeout: 200_000,
    }, async () => {
      // One job at a time: a kill hits nothing but what it is meant for.
      const installation = await install({ transport, settings: { QUEUE_CONCURRENCY: '1' } });
      const note = join(installation.folder, 'note');
      const api = await installation.start({ MODE: 'api' });
      const kept = keepWorkers(installation, 3);
      const pipelines = await Promise.all(
        STAGES.map((place) => {
          const dieAt = ['before', 'during', 'after'].map((when) => `${when} ${place}`);
          const deaths = join(installation.folder, `deaths-${place}`);
          return api.enqueue('stage:four', { n: place, note, dieAt, deaths });
        }),
      );
      await allEnded(installation, 170_000);
      for (const [index, { id }] of pipelines.entries()) {
        expect(await api.job(id)).toMatchObject({
          error: null,
          status: 'completed',
          output: resultOf(index + 1),
          attempt: 1,
        });
        expect(await stepsOf(installation, id)).toEqual(completed);
      }
      expect(kept.deaths).toBe(3 * STAGES.length);
      // A step runs twice only where its worker was killed during it.
      const runs = [...readNotes(note).values()].map((starts) => starts.length).sort();
      expect(runs).toEqual([...Array(FOUR.length * STAGES.length - STAGES.length).fill(1), ...STAGES.map(() => 2)]);
    });

    it('in the gap between the end of its last step and its own awakening leaves it waiting for nobody', async () => {
      const installation = await install({ transport });
      const note = join(installation.folder, 'note');
      const path = installation.nextGate();
      const doomed = await installation.start();
      const { id } = await doomed.enqueue('stage:four', { n: 5, note, path });
      await waitFor(() => countNotes(note, 'started') === 4, { describe: 'the steps of the second stage run' });
      await doomed.jobIs(id, 'waiting');

      // Nobody can wake it while its row is locked; the ends of its steps are recorded all the same.
      const locker = new pg.Client({ connectionString: installation.settings.DATABASE_URL });
      await locker.connect();
      onTestFinished(() => locker.end());
      await locker.query('begin');
      await locker.query('select 1 from longshore.jobs where id = $1 for update', [id]);
      writeFileSync(path, '');
      const areDone = async () =>
        (await stepsOf(installation, id)).filter((step) => step.endsWith(' completed')).length === 4;
      await waitFor(areDone, { describe: 'the steps of the second stage have completed' });
      await doomed.stop('SIGKILL');
      await locker.query('rollback');
      const isFree = async () =>
        (
          await query(
            installation,
            `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
          )
        ).length === 0;
      await waitFor(isFree, { describe: 'nothing of the killed process is left in the database' });
      expect(await query(installation, 'select 1 from longshore.pipeline_steps where settled is null')).toHaveLength(1);

      const next = await installation.start();
      expect(await next.jobEnded(id)).toMatchObject({ error: null, status: 'completed', output: resultOf(5) });
      expect(await stepsOf(installation, id)).toEqual(completed);
      expect(countNotes(note, 'started')).toBe(FOUR.length);
    });
  },
);
