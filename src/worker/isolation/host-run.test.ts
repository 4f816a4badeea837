import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { JobContext } from '../../define/context.ts';
import { createRegistry } from '../../define/registry.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { RunAborted } from '../run-aborted.ts';
import { HandlerLostError } from './guest.ts';
import { HostRun } from './host-run.ts';
import type { GuestMessage, HostMessage, Task } from './protocol.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A guest that does what the test says. */
function begin() {
  const abort = new AbortController();
  const gone = Promise.withResolvers<HandlerLostError>();
  const seen = {
    sent: [] as HostMessage['kind'][],
    kills: 0,
    progress: [] as number[],
    warnings: [] as string[],
    starts: 0,
  };
  let say: (message: GuestMessage) => void = () => undefined;
  const guest = {
    what: 'thread',
    channel: {
      send: ({ kind }: HostMessage) => void seen.sent.push(kind),
      listen: (hear: typeof say) => {
        say = hear;
      },
    },
    gone: gone.promise,
    kill: () => {
      seen.kills += 1;
      gone.resolve(new HandlerLostError('killed'));
    },
  };
  const ctx = {
    signal: abort.signal,
    job: { id: 'the job', type: 'a:b', queue: 'a' },
    progress: (percent: number) => void seen.progress.push(percent),
  } as unknown as JobContext;
  const run = new HostRun(guest, {} as Task, ctx, {
    registry: createRegistry([]),
    recordFile: async () => undefined,
    log: { warn: (message: string) => void seen.warnings.push(message) } as unknown as Logger,
    onStarted: () => {
      seen.starts += 1;
    },
  });
  return { run, abort, gone, seen, say: (message: GuestMessage) => say(message) };
}

describe('a run in a guest', () => {
  it('that does not begin within a minute is given up', async () => {
    const { run, seen } = begin();
    const failed = expect(run.result).rejects.toThrow('the handler did not begin within 60 s');
    vi.advanceTimersByTime(60_000);
    await failed;
    await run.over;
    expect(seen).toMatchObject({ sent: ['run'], kills: 1, starts: 0 });
  });

  it('may take as long as it likes once it has begun, and is not heard after its end', async () => {
    const { run, seen, say, gone } = begin();
    say({ kind: 'started' });
    vi.advanceTimersByTime(3_600_000);
    say({ kind: 'progress', percent: 50, message: undefined });
    say({ kind: 'returned', output: 'done' });
    say({ kind: 'progress', percent: 60, message: undefined });
    expect(await run.result).toBe('done');
    gone.resolve(new HandlerLostError('it ended'));
    await run.over;
    vi.advanceTimersByTime(60_000);
    expect(seen).toMatchObject({ progress: [50], kills: 0, starts: 1, warnings: [] });
  });

  it.each([
    ['was told to stop', true],
    ['ended', false],
  ])('whose guest does not end 5 s after its handler %s is ended by force', async (event, isAborted) => {
    const { run, seen, say, abort } = begin();
    say({ kind: 'started' });
    const settled = run.result.catch((error: unknown) => error); // it rejects when the guest is gone
    if (isAborted) abort.abort(new RunAborted('timeout'));
    else say({ kind: 'returned', output: 'done' });
    vi.advanceTimersByTime(4999);
    expect(seen.kills).toBe(0);
    vi.advanceTimersByTime(1);
    await run.over;
    expect(seen.kills).toBe(1);
    expect(seen.warnings).toEqual([`a thread was ended by force: its handler ${event} 5 s ago`]);
    expect(await settled).toEqual(isAborted ? expect.any(HandlerLostError) : 'done');
    expect(seen.sent).toEqual(isAborted ? ['run', 'abort'] : ['run']);
  });

  it('does not start the clock of a job that was aborted before it began', () => {
    const { seen, say, abort, run } = begin();
    run.result.catch(() => 'it is not asked for'); // the guest is never gone here
    abort.abort(new RunAborted('cancelled'));
    say({ kind: 'started' });
    expect(seen).toMatchObject({ starts: 0, sent: ['run', 'abort'] });
  });
});
