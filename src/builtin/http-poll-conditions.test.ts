import { describe, expect, it } from 'vitest';
import { type Answer, judgeAnswer } from './http-poll-conditions.ts';
import type { Condition } from './http-poll-schema.ts';

const json = (body: unknown, status = 200): Answer => ({ status, body, bodyEncoding: 'json' });
const judge = (answer: Answer, until: Condition[], failWhen: Condition[] = []) =>
  judgeAnswer(answer, { until, failWhen });
const NOT_YET = { kind: 'not yet' };
const done = (matched: unknown = null) => ({ kind: 'done', matched });

describe('judgeAnswer', () => {
  it('holds when all conditions hold, and tells the first value that was selected', async () => {
    const until: Condition[] = [{ path: '$.a', atLeast: 1 }, { path: '$.b[*]', in: ['x', 'y'] }, { status: [200] }];
    expect(await judge(json({ a: 1, b: ['z', 'y'] }), until)).toEqual(done(1));
    expect(await judge(json({ a: 0, b: ['z', 'y'] }), until)).toEqual(NOT_YET);
    expect(await judge(json({ a: 1, b: ['z'] }), until)).toEqual(NOT_YET);
    expect(await judge(json({ a: 1, b: ['y'] }, 201), until)).toEqual(NOT_YET);
  });

  it('looks for paths in answers 2xx alone, unless a condition is about the status', async () => {
    const gone: Condition = { path: '$.error', exists: false };
    expect(await judge(json({ ok: true }, 404), [gone])).toEqual(NOT_YET);
    expect(await judge(json({ ok: true }, 404), [gone, { status: ['4xx'] }])).toEqual(done());
    expect(await judge(json({ state: 'bad' }, 500), [gone], [{ path: '$.state', equals: 'bad' }])).toEqual(NOT_YET);
  });

  it('finds nothing in what is no JSON, not even that something is missing', async () => {
    const text: Answer = { status: 200, body: '<p>', bodyEncoding: 'text' };
    expect(await judge(text, [{ path: '$.a', exists: false }])).toEqual(NOT_YET);
    expect(await judge(text, [{ status: [200] }])).toEqual(done());
  });

  it.each<[string, Condition, unknown, boolean]>([
    ['null', { path: '$.a', equals: null }, { a: null }, true],
    ['null that is not there', { path: '$.a', equals: null }, {}, false],
    ['objects by their content', { path: '$', equals: { a: [1], b: 2 } }, { b: 2, a: [1] }, true],
    ['a number and its text apart', { path: '$.a', equals: 1 }, { a: '1' }, false],
    ['patterns in text alone', { path: '$.a', matches: '1' }, { a: 1 }, false],
    ['Unicode', { path: '$.a', matches: '^\\p{L}{2}$' }, { a: 'né' }, true],
    ['bounds on numbers alone', { path: '$.a', atLeast: 1 }, { a: '2' }, false],
    ['both bounds', { path: '$.a', atLeast: 1, atMost: 2 }, { a: 3 }, false],
    ['a key with a prototype’s name', { path: '$.constructor', exists: true }, {}, false],
  ])('compares %s', async (_, condition, body, holds) => {
    expect((await judge(json(body), [condition])).kind).toBe(holds ? 'done' : 'not yet');
  });

  it('lets failWhen go first, and says which condition it was', async () => {
    const failWhen: Condition[] = [{ status: [410] }, { path: '$.a', equals: 2 }];
    expect(await judge(json({ a: 2 }), [{ status: [200] }], failWhen)).toEqual({
      kind: 'failed',
      why: '{"path":"$.a","equals":2}',
    });
  });

  it('gives up conditions that take for ever, and judges the next ones', async () => {
    const hopeless = judge(json({ a: `${'a'.repeat(60)}!` }), [{ path: '$.a', matches: '^(a+)+$' }]);
    await expect(hopeless).rejects.toThrow('took longer than');
    const inPath = judge(json([`${'a'.repeat(60)}!`]), [{ path: '$[?search(@, "^(a+)+$")]', exists: true }]);
    await expect(inPath).rejects.toThrow('took longer than');
    expect(await judge(json({ a: 1 }), [{ path: '$.a', equals: 1 }])).toEqual(done(1));
  });
});
