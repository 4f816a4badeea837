import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TransportName } from '../../src/define/queue.ts';
import type { JobRow } from '../../src/store/job-row.ts';
import type { WorkerService } from '../../src/worker/worker-service.ts';
import { type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { evaluate, type KeyStyle, outer, type Program, programJobs, programs } from './program.ts';

/** Another one each time with MODEL_SEED=random; a failure names its seed. */
const SEED = process.env.MODEL_SEED === 'random' ? Date.now() : Number(process.env.MODEL_SEED ?? 20_260);
const PROGRAMS = Number(process.env.MODEL_PIPELINES ?? 20);

interface Case {
  program: Program;
  value: number;
  keys: KeyStyle;
}

const cases = fc.record({
  program: programs,
  value: fc.integer({ min: 0, max: 1000 }),
  keys: fc.constantFrom<KeyStyle>('given', 'by order'),
});

/** What must hold when nothing is left to do. */
async function expectRest(harness: Harness): Promise<void> {
  const isAtRest = async () => {
    const open = await harness.sql('select 1 from longshore.jobs where finished_at is null');
    return open.length + (await harness.sql('select 1 from longshore.pipeline_news')).length === 0;
  };
  await waitFor(isAtRest, { describe: 'every step has ended, and no news are left' });
  const twice = await harness.sql(
    `select parent_id, step_key, step_index
     from longshore.jobs
     where step_key is not null
     group by 1, 2, 3
     having count(*) > 1`,
  );
  expect(twice, 'jobs of the same step').toEqual([]);
}

function expectResults(sample: readonly Case[], jobs: readonly JobRow[]): void {
  const wrong = sample.flatMap(({ program, value, keys }, place) => {
    const expected = evaluate(program, value);
    const { status, reason, output, error } = jobs[place] as JobRow;
    const isRight =
      expected === undefined
        ? status === 'failed' && reason === 'step_failed'
        : status === 'completed' && output === expected;
    return isRight ? [] : [{ expected, status, reason, output, error: error?.message, value, keys, program }];
  });
  const [simplest] = wrong.sort((a, b) => JSON.stringify(a.program).length - JSON.stringify(b.program).length);
  expect(simplest, `MODEL_SEED=${SEED}: ${wrong.length} are wrong, as ${JSON.stringify(simplest)}`).toBeUndefined();
}

/** Replaces workers one after the other, each at once and in the middle of its runs. @returns what ends it */
function keepReplacing(harness: Harness, first: WorkerService): () => Promise<void> {
  let isOver = false;
  const replace = async () => {
    for (let worker = first; !isOver; ) {
      const before = (await harness.sql<{ n: number }>('select sum(fence)::float8 as n from longshore.jobs'))[0]?.n;
      const hasWorked = async () =>
        isOver ||
        ((await harness.sql<{ n: number }>('select sum(fence)::float8 as n from longshore.jobs'))[0]?.n ?? 0) >
          (before ?? 0);
      await waitFor(hasWorked, { describe: 'something has run' }).catch(() => false); // there may be nothing left to run
      const next = await harness.startWorker({ concurrency: 4, shutdownTimeoutMs: 0 });
      await worker.stop();
      worker = next;
    }
  };
  const replacing = replace();
  replacing.catch(() => undefined); // whoever ends it hears of it
  return async () => {
    isOver = true;
    await replacing;
  };
}

describe.each<TransportName>(['postgres', 'bullmq'])('pipelines of any shape, on the %s transport', (transport) => {
  const start = useHarnesses(transport);

  it('return what the same code returns without a record', async () => {
    const sample = fc.sample(cases, { seed: SEED, numRuns: PROGRAMS });
    const harness = await start(programJobs);
    await harness.startWorker({ concurrency: 10 });
    const jobs = await Promise.all(sample.map((each) => harness.enqueue(outer, each)));
    expectResults(sample, await harness.allEnded(jobs));
    await expectRest(harness);
  });

  it('return the same although their workers stop in the middle', async () => {
    const sample = fc.sample(cases, { seed: SEED + 1, numRuns: PROGRAMS });
    const harness = await start(programJobs);
    await harness.startWorker({ concurrency: 4 });
    const stop = keepReplacing(harness, await harness.startWorker({ concurrency: 4, shutdownTimeoutMs: 0 }));
    const jobs = await Promise.all(sample.map((each) => harness.enqueue(outer, each)));
    expectResults(sample, await harness.allEnded(jobs).finally(stop));
    await expectRest(harness);
  });
});
