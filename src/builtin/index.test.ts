import { describe, expect, it } from 'vitest';
import type { JobDefinition } from '../define/job.ts';
import { createRegistry, parseWith, toJsonSchema } from '../define/registry.ts';
import { builtinJobs } from './index.ts';

it('are types and queues that do not contradict each other', () => {
  expect(createRegistry(builtinJobs).definitions.size).toBe(builtinJobs.length);
});

describe.each(builtinJobs.map((definition): [string, JobDefinition] => [definition.type, definition]))(
  '%s',
  (_, job) => {
    it('tells what it does, what may go wrong, and what happens when it runs twice', () => {
      expect(job.description).toMatch(/^[A-Z].*\.$/s);
      expect(job.failures).not.toEqual([]);
      expect(job.repeats).toMatch(/^[A-Z].*\.$/s);
    });

    it('has a JSON Schema for an input without unknown fields, and for its output', () => {
      expect(toJsonSchema(job.inputSchema, 'input')).toMatchObject({ type: 'object', additionalProperties: false });
      expect(job.outputSchema && toJsonSchema(job.outputSchema, 'output')).toMatchObject({ type: 'object' });
    });

    it('takes its own examples', async () => {
      expect(job.examples).not.toEqual([]);
      for (const { input } of job.examples) {
        expect(await parseWith(job.inputSchema, input, 'input')).toMatchObject({ ok: true });
      }
    });
  },
);
