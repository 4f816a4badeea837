import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { createFakeCli } from '../../test/support/fake-cli.ts';
import { makeJob } from '../../test/support/fake-server.ts';
import type { StepResource } from '../contract/steps.ts';
import { measureWidth } from './terminal.ts';
import type { TreeSnapshot } from './tree-data.ts';
import { FOLD_ABOVE, renderTree, type TreeStyle } from './tree-lines.ts';
import { createLiveTreeView, createPlainTreeView } from './tree-view.ts';

const nowMs = Date.parse('2026-01-01T00:01:00.000Z');
const at = (seconds: number) => new Date(nowMs + seconds * 1000).toISOString();

function makeStep(key: string, more: Partial<StepResource> = {}): StepResource {
  return {
    ...{ key, kind: 'job', type: 'film:shot', id: '01980000-0000-7000-8000-000000000002', status: 'completed' },
    ...{ reason: null, attempt: 1, maxAttempts: 3, progress: { percent: 0, message: null, etaMs: null }, error: null },
    ...{ parentId: '01980000-0000-7000-8000-000000000001', createdAt: at(-20), runAt: at(-20) },
    ...{ startedAt: at(-10), finishedAt: at(-8) },
    ...more,
  };
}
const open = { startedAt: null, finishedAt: null };
const running = (key: string, percent: number, message: string | null = null) =>
  makeStep(key, { status: 'processing', finishedAt: null, progress: { percent, message, etaMs: null } });
const failed = (key: string) =>
  makeStep(key, {
    ...{ status: 'failed', reason: 'attempts_exhausted', attempt: 3 },
    error: { name: 'Error', message: 'no\nlight', attempt: 3 },
  });
const makeMany = (count: number, make: (key: string, index: number) => StepResource = (key) => makeStep(key)) =>
  Array.from({ length: count }, (_, index) => make(`shots[${index}]`, index));

const job = makeJob({
  type: 'film:film',
  status: 'waiting',
  startedAt: at(-20),
  progress: { percent: 42, message: null, etaMs: null },
});
const toTree = (steps: StepResource[], more: Partial<TreeSnapshot> = {}): TreeSnapshot => ({
  job,
  steps,
  hasMoreSteps: false,
  ...more,
});
const draw = (tree: TreeSnapshot, style: Partial<TreeStyle> = {}) =>
  renderTree(tree, nowMs, { width: 120, colors: pc.createColors(false), foldAbove: FOLD_ABOVE, ...style });

describe('renderTree', () => {
  it('shows what each step does, how long it took, and what went wrong', () => {
    const steps = [
      makeStep('film:shot#1'),
      makeStep('music', { attempt: 2 }),
      running('cut', 40, 'frame 40'),
      makeStep('nap', { kind: 'sleep', type: 'sleep', id: null, status: 'waiting', runAt: at(300), finishedAt: null }),
      makeStep('go#1', { kind: 'event', type: 'go', id: null, status: 'waiting', runAt: null, finishedAt: null }),
      makeStep('turn', { ...open, status: 'waiting' }),
      makeStep('later', {
        ...open,
        status: 'retrying',
        runAt: at(3),
        attempt: 1,
        error: { name: 'E', message: 'x', attempt: 1 },
      }),
      failed('end'),
    ];
    expect(draw(toTree(steps))).toEqual([
      `◌ film:film ${job.id}  ████░░░░░░ 42 %  20 s`,
      '├─ ✔ film:shot#1  2.0 s',
      '├─ ✔ music film:shot  2.0 s  attempt 2/3',
      '├─ ● cut film:shot  ████░░░░░░ 40 %  10 s  frame 40',
      '├─ ◌ nap sleep  goes on in 5 min',
      '├─ ◌ go#1  waits for the event',
      '├─ ◌ turn film:shot  waits for its turn',
      '├─ ↻ later film:shot  retrying in 3 s',
      '│    E: x',
      '└─ ✘ end film:shot  failed (attempts_exhausted)  2.0 s  attempt 3/3',
      '     Error: no light',
    ]);
  });

  it('tells why the pipeline itself failed, unless a step is why', () => {
    const error = { name: 'PipelineChangedError', message: 'the step "a#1" does not fit', attempt: 1 };
    const ended = { ...job, status: 'failed' as const, finishedAt: at(0), error };
    const changed = draw(toTree([makeStep('b#1')], { job: { ...ended, reason: 'pipeline_changed' } }));
    expect(changed[1]).toBe('│ PipelineChangedError: the step "a#1" does not fit');
    const byStep = draw(toTree([failed('a#1')], { job: { ...ended, reason: 'step_failed' } }));
    expect(byStep.join('\n')).not.toContain('PipelineChangedError');
  });

  it('draws nested pipelines with the lines of the trunk, and says where there is more', () => {
    const inner = makeStep('inner', {
      steps: [makeStep('a', { steps: [makeStep('b')] }), failed('c')],
      hasMoreSteps: true,
    });
    expect(
      draw(toTree([inner, makeStep('last', { steps: [makeStep('d')] })], { hasMoreSteps: true })).slice(1),
    ).toEqual([
      '├─ ✔ inner film:shot  2.0 s',
      '│  ├─ ✔ a film:shot  2.0 s',
      '│  │  └─ ✔ b film:shot  2.0 s',
      '│  ├─ ✘ c film:shot  failed (attempts_exhausted)  2.0 s  attempt 3/3',
      '│  │    Error: no light',
      '│  └─ … and more',
      '├─ ✔ last film:shot  2.0 s',
      '│  └─ ✔ d film:shot  2.0 s',
      '└─ … and more',
    ]);
  });

  it('folds many steps of one call to their counts, with those that failed or run', () => {
    const many = makeMany(40, (key, index) =>
      index === 7 ? failed(key) : index > 25 ? running(key, 0) : makeStep(key),
    );
    const lines = draw(toTree([...many, makeStep('after')]));
    expect(lines[1]).toBe('├─ ✘ shots ×40  25 completed, 14 processing, 1 failed');
    expect(lines[2]).toBe('│  ├─ ✘ shots[7] film:shot  failed (attempts_exhausted)  2.0 s  attempt 3/3');
    expect(lines.slice(-3)).toEqual([
      '│  ├─ ● shots[34] film:shot  10 s',
      '│  └─ … and 5 more of these',
      '└─ ✔ after film:shot  2.0 s',
    ]);
    expect(draw(toTree(makeMany(FOLD_ABOVE)))).toHaveLength(FOLD_ABOVE + 1);
    expect(draw(toTree(makeMany(40)), { foldAbove: Number.POSITIVE_INFINITY })).toHaveLength(41);
  });

  it.each([20, 40, 80, 120])('fits %i columns', (width) => {
    const long = running('k'.repeat(60), 50, 'ä 漢字 '.repeat(40));
    const steps = [long, failed('f'.repeat(200)), makeStep('x', { steps: makeMany(30, (key) => failed(key)) })];
    for (const line of draw(toTree(steps), { width, colors: pc.createColors(true) })) {
      expect(measureWidth(line)).toBeLessThan(width);
    }
  });

  it('lets no text of a job move the cursor', () => {
    const steps = [running('k\u001b[2Jey', 50, 'a\u001b[31mb\nc'), { ...failed('f'), type: 't\u0007' }];
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
    expect(draw(toTree(steps)).join('')).not.toMatch(/[\u0000-\u001f]/);
  });
});

describe('the live tree', () => {
  it('draws over what it has drawn, and never more than the window has lines', () => {
    const cli = createFakeCli({ isTTY: true, columns: 80, rows: 12, environment: { NO_COLOR: '1' } });
    const view = createLiveTreeView(cli);
    view.show(toTree(makeMany(3)));
    expect(cli.stdout()).not.toContain('\u001b[A');
    const before = cli.stdout().length;
    view.show(toTree(makeMany(15)));
    const second = cli.stdout().slice(before);
    expect(second.startsWith(`${'\u001b[A'.repeat(4)}\r\u001b[J`)).toBe(true);
    expect(second).toContain('✔ shots ×15  15 completed');
    const middle = cli.stdout().length;
    view.show(toTree(Array.from({ length: 30 }, (_, index) => makeStep(`single-${index}`))));
    const third = cli.stdout().slice(middle);
    expect(third.split('\n').length - 1).toBe(11);
    expect(third).toContain('… and 21 more lines');
    view.finish({ ...job, status: 'completed', finishedAt: at(0) });
    expect(cli.stdout()).toContain('single-29');
    expect(cli.stdout().trimEnd().split('\n').at(-1)).toBe('✔ completed in 20 s');
    view.close();
  });
});

describe('the plain tree', () => {
  it('tells every change once', () => {
    const cli = createFakeCli();
    const view = createPlainTreeView(cli);
    const outer = (steps: StepResource[]) => makeStep('outer', { status: 'waiting', finishedAt: null, steps });
    view.show(toTree([outer([running('inner', 10)])]));
    view.show(toTree([outer([running('inner', 20)])]));
    view.show(toTree([outer([failed('inner')])]));
    const lines = cli
      .stdout()
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/^\d\d:\d\d:\d\d /, ''));
    expect(lines).toEqual([
      `film:film ${job.id} is waiting`,
      'outer waiting',
      'outer › inner processing',
      'outer › inner failed (attempts_exhausted), 2.0 s, attempt 3 of 3: Error: no light',
    ]);
  });
});
