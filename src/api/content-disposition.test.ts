import { expect, it } from 'vitest';
import { readFileName } from './content-disposition.ts';

it.each([
  ['attachment; filename="report.pdf"', 'report.pdf'],
  ['attachment; filename=report.pdf', 'report.pdf'],
  ['attachment;FILENAME="a.txt"; size=3', 'a.txt'],
  ['attachment; filename="a \\"quoted\\" name.txt"', 'a "quoted" name.txt'],
  ["attachment; filename*=UTF-8''gr%C3%BC%C3%9Fe.txt", 'grüße.txt'],
  ['attachment; filename="x.txt"; filename*=utf-8\'de\'%E2%82%AC.txt', '€.txt'],
  ["attachment; filename*=iso-8859-1''gr%FC%DFe.txt", 'grüße.txt'],
  [`attachment; filename="${Buffer.from('grüße.txt').toString('latin1')}"`, 'grüße.txt'],
  ['attachment; filename="gr\u00fc\u00dfe.txt"', 'grüße.txt'],
  ['attachment; filename*=UTF-8\'\'%FF%FE; filename="plain.txt"', 'plain.txt'],
  ["attachment; filename*=UTF-8''%zz; filename=plain.txt", 'plain.txt'],
  ['attachment; filename=""', undefined],
  ['attachment', undefined],
  ['inline; notfilename="a"', undefined],
  [undefined, undefined],
])('%j names the file %j', (header, name) => {
  expect(readFileName(header) || undefined).toBe(name);
});
