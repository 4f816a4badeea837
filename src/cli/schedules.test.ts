import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFakeCli, type FakeCli, type FakeCliOptions } from '../../test/support/fake-cli.ts';
import { type FakeServer, makeJob, startFakeServer } from '../../test/support/fake-server.ts';
import type { ScheduleResource, ScheduleRunResource } from '../contract/schedules.ts';
import { exitCodes } from './exit-codes.ts';

const ID = '01980000-0000-7000-8000-00000000000b';
const schedule: ScheduleResource = {
  ...{ id: ID, name: 'nightly', tenant: 'default', type: 'http:request', input: { url: 'https://example.com' } },
  ...{ options: {}, cron: '30 2 * * *', everyMs: null, runAt: null, timeZone: 'Europe/Berlin', catchUp: 'last' },
  ...{ overlap: 'allow', enabled: true, source: 'api', retiredAt: null, nextRunAt: '2026-01-02T01:30:00.000Z' },
  ...{ lastRunAt: null, lastError: null, nextRuns: ['2026-01-02T01:30:00.000Z'] },
  ...{ createdAt: '2026-01-01T00:00:00.000Z', updatedAt: '2026-01-01T00:00:00.000Z' },
  links: { self: '', runs: '', trigger: '' },
};
let server: FakeServer;

beforeEach(async () => {
  server = await startFakeServer();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

const open = (options: FakeCliOptions = {}): FakeCli =>
  createFakeCli({ environment: { LONGSHORE_URL: server.url }, columns: 200, ...options });
const out = (cli: FakeCli) => stripVTControlCharacters(cli.stdout());
const lastBody = () => JSON.parse(server.seen.at(-1)?.body ?? '');

describe('schedules', () => {
  it('lists them with what is due next, and with filters', async () => {
    server.onJson('GET /v1/schedules', {
      items: [schedule, { ...schedule, name: 'pulse', cron: null, everyMs: 60_000, enabled: false, nextRunAt: null }],
      nextCursor: null,
    });
    const cli = open({ nowMs: Date.parse('2026-01-02T00:00:00Z') });
    await cli.run('schedules', 'list', '--type', 'http:request', '--paused');
    expect(out(cli)).toMatch(/nightly .* http:request .* 30 2 \* \* \* \(Europe\/Berlin\) .* in 1 h/);
    expect(out(cli)).toMatch(/pulse .* every 1 min.* paused/);
    expect(server.seen[0]?.path).toBe('/v1/schedules?type=http%3Arequest&enabled=false');
  });

  it('creates one with everything that the flags say', async () => {
    server.onJson('POST /v1/schedules', schedule, 201);
    const cli = open();
    const flags = '--type http:request --cron @daily --time-zone Europe/Berlin --catch-up all --overlap skip --paused';
    await cli.run(
      'schedules',
      'create',
      'nightly',
      ...flags.split(' '),
      '--input',
      '{"a":1}',
      '--options',
      '{"tags":["x"]}',
    );
    expect(lastBody()).toEqual({
      ...{ name: 'nightly', type: 'http:request', input: { a: 1 }, options: { tags: ['x'] }, cron: '@daily' },
      ...{ timeZone: 'Europe/Berlin', catchUp: 'all', overlap: 'skip', enabled: false },
    });
    expect(out(cli)).toContain('Fri 2026-01-02 02:30:00 GMT+1 Europe/Berlin');
  });

  it('changes, pauses, resumes, triggers and deletes one', async () => {
    server.onJson(`PATCH /v1/schedules/${ID}`, schedule);
    server.onJson(`POST /v1/schedules/${ID}/trigger`, makeJob({}), 202);
    server.onJson(`DELETE /v1/schedules/${ID}`, {});
    const cli = open();
    await cli.run('schedules', 'edit', ID, '--every-ms', '5000', '--name', 'often');
    expect(lastBody()).toEqual({ name: 'often', everyMs: 5000 });
    await cli.run('schedules', 'pause', ID);
    expect(lastBody()).toEqual({ enabled: false });
    await cli.run('schedules', 'resume', ID);
    expect(lastBody()).toEqual({ enabled: true });
    await cli.run('schedules', 'trigger', ID);
    expect(out(cli)).toContain(makeJob({}).id);
    expect(await cli.run('schedules', 'delete', ID)).toBe(exitCodes.done);
    expect(server.seen.at(-1)?.method).toBe('DELETE');
  });

  it('lists what became of its due times', async () => {
    const run: ScheduleRunResource = {
      ...{ dueAt: '2026-01-01T01:30:00.000Z', kind: 'catch_up', outcome: 'skipped', jobId: null },
      ...{ detail: 'the job before\nhad not ended', at: '2026-01-01T01:30:00.000Z' },
    };
    server.onJson(`GET /v1/schedules/${ID}/runs`, { items: [run], nextCursor: 'more' });
    const cli = open();
    await cli.run('schedules', 'runs', ID, '--limit', '1');
    expect(out(cli)).toMatch(/catch_up\s+skipped\s+the job before had not ended/);
    expect(cli.stderr()).toContain('--cursor more');
  });

  it('previews an expression without a server', async () => {
    const cli = open({ nowMs: Date.parse('2026-03-28T12:00:00Z') });
    await cli.run('schedules', 'next', '30 2 * * *', '--time-zone', 'Europe/Berlin', '--json');
    const { nextRuns } = JSON.parse(cli.stdout());
    expect(nextRuns).toHaveLength(10);
    expect(nextRuns.slice(0, 2)).toEqual(['2026-03-29T01:00:00.000Z', '2026-03-30T00:30:00.000Z']);
    expect(server.seen).toEqual([]);
  });

  it.each([
    [['next', '0 25 * * *'], 'hour "25"'],
    [['next', '@daily', '--time-zone', 'Mars'], 'there is no time zone "Mars"'],
    [['create', 'x', '--cron', '@daily'], '--type is missing'],
    [['create', 'x', '--type', 't', '--overlap', 'maybe'], 'Allowed choices are allow, skip, queue, cancel_previous'],
    [['edit', ID], 'say what to change'],
    [['list', '--enabled', '--paused'], 'exclude each other'],
  ])('refuses %j', async (args, fault) => {
    const cli = open();
    expect(await cli.run('schedules', ...args)).toBe(exitCodes.usage);
    expect(stripVTControlCharacters(cli.stderr())).toContain(fault);
    expect(server.seen).toEqual([]);
  });
});
