import { readFile } from 'node:fs/promises';
import type { JobContext } from 'longshore';
import { childJob } from './child-job.ts';

/** Uses all that a context has. */
export async function run(input: { text: string; at: Date }, ctx: JobContext) {
  ctx.progress(30, 'on the way');
  ctx.log.warn('look', { error: new TypeError('odd', { cause: 'a cause' }), n: 1 });
  if (ctx.attempt === 1) {
    await ctx.checkpoint({ text: input.text });
    throw Object.assign(new RangeError('not yet', { cause: new Error('the first time') }), { code: 'E_FIRST' });
  }
  const refusal = await ctx
    .checkpoint('x'.repeat(2_000_000))
    .catch((error: Error) => `${error.name}: ${error.message}`);
  const file = await ctx.files.create('note.txt', input.text);
  const child = await ctx.enqueue(childJob, { n: 2 }, { tags: ['born-apart'] });
  const wrong = await ctx.enqueue(childJob, { n: 'two' as never }).catch((error: { code: string }) => error.code);
  const failing = await ctx.enqueue(childJob, { n: -1 });
  const failed = await failing.waitUntilFinished().catch((error: Error) => error.message);
  const { storageDir, ...others } = ctx.services;
  return {
    isDate: input.at instanceof Date,
    attempt: ctx.attempt,
    job: { ...ctx.job, createdAt: ctx.job.createdAt instanceof Date },
    lastCheckpoint: ctx.lastCheckpoint,
    isAborted: ctx.signal.aborted,
    read: await readFile(await ctx.files.locate(file.url), 'utf8'),
    storageDir,
    services: Object.keys(others),
    refusal,
    wrong,
    failed,
    doubled: await child.waitUntilFinished(),
    child: child.id,
    pid: process.pid,
  };
}
