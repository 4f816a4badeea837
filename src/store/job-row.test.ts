import { getTableColumns } from 'drizzle-orm';
import { expect, it } from 'vitest';
import { jobColumns, jobHeadColumns } from './job-row.ts';
import { jobs } from './schema.ts';

const schema = Object.entries(getTableColumns(jobs)).map(([field, { name }]) => `j.${name} as "${field}"`);

it('names every column of the table of jobs', () => {
  expect(jobColumns('j').split(', ').sort()).toEqual(schema.sort());
});

it('leaves out of a head what may be large', () => {
  const large = ['j.input as "input"', 'j.output as "output"', 'j.checkpoint as "checkpoint"'];
  expect(jobHeadColumns('j').split(', ').sort()).toEqual(schema.filter((column) => !large.includes(column)).sort());
});
