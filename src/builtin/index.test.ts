import { expect, it } from 'vitest';
import { createRegistry, toJsonSchema } from '../define/registry.ts';
import { builtinJobs } from './index.ts';

it('lists the jobs that ship, with their queues and a JSON Schema for its input and output', () => {
  const registry = createRegistry(builtinJobs);
  expect([...registry.definitions.keys()]).toEqual([
    ...['http:request', 'file:process'],
    ...['video:generate', 'video:script', 'video:image', 'video:clip', 'video:merge'],
  ]);
  expect([...registry.queues.keys()]).toEqual(['http', 'file', 'video', 'video-render']);
  for (const { inputSchema, outputSchema, description } of builtinJobs) {
    expect(description).not.toBe('');
    expect(toJsonSchema(inputSchema, 'input')).toMatchObject({ type: 'object', additionalProperties: false });
    expect(outputSchema && toJsonSchema(outputSchema, 'output')).toMatchObject({ type: 'object' });
  }
  expect(registry.definitions.get('http:request')?.inputSchema).toBeDefined();
});
