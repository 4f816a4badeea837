import { describe, expect, it } from 'vitest';
import { printTable, replaceBetweenMarkers, writeMarkdown } from './write-table.ts';

const table = {
  title: 'steady',
  head: ['work', 'who', 'median'],
  rows: [
    ['finished', 'bullmq-redis', '7,500 jobs/s'],
    ['finished', 'pg-boss', '620 jobs/s'],
  ],
};

describe('printTable', () => {
  it('aligns names to the left and figures to the right', () => {
    const lines = printTable(table).split('\n');
    expect(lines[2]).toMatch(/^finished +bullmq-redis +7,500 jobs\/s$/);
    expect(lines[3]).toHaveLength(lines[2]?.length ?? 0);
  });
});

describe('writeMarkdown', () => {
  it('writes a heading, a rule and padded rows', () => {
    expect(writeMarkdown(table)).toBe(
      [
        '### steady',
        '',
        '| work     | who          | median       |',
        '| -------- | ------------ | ------------ |',
        '| finished | bullmq-redis | 7,500 jobs/s |',
        '| finished | pg-boss      | 620 jobs/s   |',
        '',
      ].join('\n'),
    );
  });
});

describe('replaceBetweenMarkers', () => {
  it('keeps what stands around the markers, as often as it is called', () => {
    const before = 'above\n<!-- results: begin -->\nold\n<!-- results: end -->\nbelow\n';
    const once = replaceBetweenMarkers(before, 'results', 'new');
    expect(once).toBe('above\n<!-- results: begin -->\n\nnew\n\n<!-- results: end -->\nbelow\n');
    expect(replaceBetweenMarkers(once, 'results', 'new')).toBe(once);
  });

  it('refuses a document without markers', () => {
    expect(() => replaceBetweenMarkers('nothing', 'results', 'new')).toThrow('lacks the markers');
  });
});
