import { describe, expect, it } from 'vitest';
import { compileAnswerSchema } from './answer-schema.ts';

/** Each part refers twice to the next one, so that there are 2^60 ways to the last. */
function doubling(keyword: 'allOf' | 'anyOf', type: string): Record<string, unknown> {
  const parts = Array.from({ length: 60 }, (_, index) => {
    const next = { $ref: `#/$defs/d${index + 1}` };
    return [`d${index}`, { [keyword]: [next, next] }];
  });
  return { $defs: { ...Object.fromEntries(parts), d60: { type } }, $ref: '#/$defs/d0' };
}

describe('a schema of answers', () => {
  it.each<[string, Record<string, unknown>, string]>([
    ['that all ways must fit', doubling('allOf', 'string'), 'took longer than'],
    ['that no way fits', doubling('anyOf', 'number'), 'took longer than'],
    ['that refers to itself', { $ref: '#' }, 'refers to itself'],
  ])('%s is given up', (_, schema, message) => {
    const check = compileAnswerSchema(schema);
    const error = expect.objectContaining({ name: 'NonRetryableError', message: expect.stringContaining(message) });
    expect(() => check('"tea"')).toThrow(error);
  });

  it('is not compiled anew wherever it is referred to', () => {
    const large = {
      properties: Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`p${n}`, { type: 'string' }])),
    };
    const allOf = Array.from({ length: 150 }, () => ({ $ref: '#/$defs/large' }));
    const check = compileAnswerSchema({ $defs: { large }, allOf });
    expect(check('{"p299":"a"}')).toEqual({ json: { p299: 'a' } });
    expect(check('{"p299":1}')).toEqual({ faults: '/p299 must be string' });
  });

  it('cannot promise its verdict for later, which would let everything pass', () => {
    expect(() => compileAnswerSchema({ $defs: { a: { $async: true } } })).toThrow('$async');
  });
});

it('tells schemas of the same name apart, one after the other', () => {
  const named = (type: string) => compileAnswerSchema({ $id: 'answer', type });
  for (let round = 0; round < 3; round += 1) {
    expect(named('string')('"a"')).toEqual({ json: 'a' });
    expect(() => named('strange')).toThrow();
    expect(named('number')('"a"')).toEqual({ faults: 'the answer must be number' });
  }
});
