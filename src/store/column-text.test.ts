import { describe, expect, it } from 'vitest';
import { chooseFormat } from './column-text.ts';

describe('the text of a value', () => {
  it.each([
    ['2030-01-31 08:00:00+00', '2030-01-31T08:00:00Z'],
    ['2030-01-31 08:00:00.000001+00', '2030-01-31T08:00:00.000001Z'],
    ['12030-01-31 08:00:00+00', '+012030-01-31T08:00:00Z'],
    ['0044-03-15 08:00:00+00 BC', '-000043-03-15T08:00:00Z'],
    ['0001-01-01 00:00:00+00 BC', '+000000-01-01T00:00:00Z'],
    ['infinity', 'infinity'],
    ['-infinity', '-infinity'],
  ])('is ISO 8601 for the time %s', (text, shown) => {
    expect(chooseFormat('timestamptz', 0)?.(text)).toBe(shown);
  });

  it.each([
    ['{}', 1009, '[]'],
    ['{a,NULL,"NULL","b \\"c\\" \\\\"}', 1009, '["a",null,"NULL","b \\"c\\" \\\\"]'],
    ['{{1,2},{3,4}}', 23, '[[1,2],[3,4]]'],
    ['[5:6]={1,2}', 23, '[1,2]'],
    ['{1.5,NaN,Infinity}', 701, '[1.5,"NaN","Infinity"]'],
    ['{t,f}', 16, '[true,false]'],
    ['{"\\\\xdead"}', 17, '["3q0="]'],
    ['{"{\\"a\\": 1}"}', 3802, '[{"a": 1}]'],
    ['{0.10}', 1700, '["0.10"]'],
  ])('is JSON for the array %s', (text, elementOid, shown) => {
    expect(chooseFormat('array', elementOid)?.(text)).toBe(shown);
  });
});
