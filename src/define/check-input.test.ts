import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type CheckInput, type InputFault, parseInput } from './check-input.ts';
import { defineJob } from './job.ts';
import { defineQuery } from './query.ts';
import { createRegistry } from './registry.ts';

const query = defineQuery({ name: 'orders', sql: 'select 1' });
const registry = createRegistry([], { queries: [query] });

const checked = (checkInput: CheckInput<{ from: number; to: number }>) =>
  defineJob({
    type: 'test:range',
    input: z.object({ from: z.int(), to: z.int().default(10) }),
    checkInput,
    run: () => null,
  });

describe('parseInput', () => {
  it('gives what the schema made of an input in which the job finds no fault', async () => {
    const job = checked(() => []);
    expect(await parseInput(job, { from: 1, more: 2 }, registry)).toEqual({ ok: true, value: { from: 1, to: 10 } });
  });

  it('asks the job about what the schema made, and shows it what inputs may name and nothing more', async () => {
    const asked: Parameters<CheckInput>[] = [];
    const job = checked((...given) => {
      asked.push(given);
      return [];
    });
    await parseInput(job, { from: 1 }, registry);
    expect(asked).toEqual([
      [
        { from: 1, to: 10 },
        { queries: registry.queries, connectors: new Map() },
      ],
    ]);
  });

  it('places the faults of the job below the root, also those that come later', async () => {
    const faults: InputFault[] = [
      { path: 'to', message: 'must be after from' },
      { path: '', message: 'is nothing' },
      { path: 'list.0.name', message: 'is not known' },
    ];
    const at = (root: string) =>
      faults.map((fault, index) => ({ ...fault, path: [`${root}.to`, root, `${root}.list.0.name`][index] }));
    expect(
      await parseInput(
        checked(() => faults),
        { from: 1 },
        registry,
      ),
    ).toEqual({ ok: false, faults: at('input') });
    const later = checked(async () => faults);
    expect(await parseInput(later, { from: 1 }, registry, 'input[3]')).toEqual({ ok: false, faults: at('input[3]') });
  });

  it('does not ask the job about an input that the schema refuses', async () => {
    const job = checked(() => {
      throw new Error('asked');
    });
    expect(await parseInput(job, { from: 'x' }, registry)).toMatchObject({
      ok: false,
      faults: [{ path: 'input.from' }],
    });
  });

  it('passes on what the job throws, and says of what returns no array whose it is', async () => {
    const throwing = checked(() => {
      throw new Error('broken');
    });
    await expect(parseInput(throwing, { from: 1 }, registry)).rejects.toThrow('broken');
    const silent = checked(() => undefined as never);
    await expect(parseInput(silent, { from: 1 }, registry)).rejects.toThrow(
      'checkInput of the job "test:range" must return an array of faults',
    );
  });
});
