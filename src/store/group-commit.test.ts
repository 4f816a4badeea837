import { afterEach, describe, expect, it, vi } from 'vitest';
import { AppError } from '../shared/errors.ts';
import { GroupCommit, type GroupCommitOptions } from './group-commit.ts';

/** A server that answers each write when it is told to, and remembers what it was sent. */
function startServer(refuses: (item: string) => Error | undefined = () => undefined) {
  const writes: { items: readonly string[]; answer: () => void }[] = [];
  return {
    writes,
    sent: () => writes.map(({ items }) => items.join('')),
    async write(items: readonly string[]): Promise<string[]> {
      const { promise, resolve } = Promise.withResolvers<void>();
      writes.push({ items, answer: resolve });
      await promise;
      const refusal = items.map(refuses).find((fault) => fault !== undefined);
      if (refusal) throw refusal;
      return items.map((item) => item.toUpperCase());
    },
  };
}

function makeGroup(
  server: ReturnType<typeof startServer>,
  options: Partial<GroupCommitOptions<string, string>> = {},
): GroupCommit<string, string> {
  return new GroupCommit({ write: server.write, lanes: 1, maxItems: 100, maxBytes: 1000, ...options });
}

/** Lets the calls of this turn be written. */
const turn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

describe('calls at the same time', () => {
  it('share a write, and each gets its own result', async () => {
    const server = startServer();
    const group = makeGroup(server);
    const results = Promise.all(['a', 'b', 'c'].map((item) => group.add(item)));
    await turn();
    expect(server.sent()).toEqual(['abc']);
    server.writes[0]?.answer();
    expect(await results).toEqual(['A', 'B', 'C']);
    expect(group.getStats()).toMatchObject({ flushes: 1, items: 3, largestFlush: 3 });
  });

  it('are written while others are under way, as many at once as there are lanes', async () => {
    const server = startServer();
    const group = makeGroup(server, { lanes: 2 });
    const results = Promise.all([...'abcd'].map((item) => group.add(item)));
    await turn();
    expect(server.sent()).toEqual(['ab', 'cd']); // each lane its share of all callers
    const more = Promise.all([...'efg'].map((item) => group.add(item)));
    await turn();
    expect(server.writes).toHaveLength(2);
    server.writes[0]?.answer();
    await turn();
    expect(server.sent()).toEqual(['ab', 'cd', 'efg']);
    for (const { answer } of server.writes) answer();
    expect([...(await results), ...(await more)].join('')).toBe('ABCDEFG');
  });

  it('are no more than fit into a statement, in items and in bytes', async () => {
    const server = startServer();
    const group = makeGroup(server, { maxItems: 3, maxBytes: 10, sizeOf: (item) => item.length });
    const items = ['a', 'b', 'c', 'd', 'eeeeeeeee', 'ffffffffffffffff', 'g'];
    const results = Promise.all(items.map((item) => group.add(item)));
    for (let written = 0; written < 4; written += 1) {
      await turn();
      server.writes[written]?.answer();
    }
    expect(await results).toHaveLength(items.length);
    expect(server.sent()).toEqual(['abc', 'deeeeeeeee', 'ffffffffffffffff', 'g']);
  });

  it('of the same key are written one after the other, in their order, without holding up the rest', async () => {
    const server = startServer();
    const group = makeGroup(server, { lanes: 2, keyOf: (item) => item[0] ?? '' });
    const results = Promise.all(['a1', 'a2', 'b1', 'a3', 'c1', 'd1'].map((item) => group.add(item)));
    await turn();
    expect(server.sent()).toEqual(['a1b1c1', 'd1']);
    server.writes[1]?.answer();
    await turn();
    expect(server.writes).toHaveLength(2); // a2 waits for a1
    for (const next of [0, 2, 3]) {
      server.writes[next]?.answer();
      await turn();
    }
    expect(server.sent()).toEqual(['a1b1c1', 'd1', 'a2', 'a3']);
    expect(await results).toHaveLength(6);
  });
});

describe('a write that hangs', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('holds up the calls that share it, and others for half a second', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const server = startServer();
    const group = makeGroup(server);
    const hanging = group.add('a');
    await turn();
    const other = group.add('b');
    await turn();
    expect(server.sent()).toEqual(['a']);
    vi.advanceTimersByTime(499);
    await turn();
    expect(server.sent()).toEqual(['a']);
    vi.advanceTimersByTime(1);
    await turn();
    expect(server.sent()).toEqual(['a', 'b']);
    server.writes[1]?.answer();
    expect(await other).toBe('B');
    server.writes[0]?.answer();
    expect(await hanging).toBe('A');
  });

  it('is not followed by more than three others: the pool is not for one kind of write alone', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const server = startServer();
    const group = makeGroup(server);
    const calls: Promise<string>[] = [];
    for (const item of 'abcdef') {
      calls.push(group.add(item));
      await turn();
      vi.advanceTimersByTime(600);
      await turn();
    }
    expect(server.sent()).toEqual(['a', 'b', 'c', 'd']);
    for (let written = 0; written < 6; written += 1) {
      for (const { answer } of server.writes) answer();
      await turn();
    }
    expect((await Promise.all(calls)).join('')).toBe('ABCDEF');
  });
});

describe('a write that fails', () => {
  it('is tried in halves, until only the item that is to blame fails', async () => {
    const server = startServer((item) => (item === 'c' ? new Error('c is refused') : undefined));
    const group = makeGroup(server);
    const results = Promise.allSettled([...'abcde'].map((item) => group.add(item)));
    while (group.getStats().items === 0) {
      await turn();
      for (const { answer } of server.writes) answer();
    }
    const told = (await results).map((each) => (each.status === 'fulfilled' ? each.value : each.reason.message));
    expect(told).toEqual(['A', 'B', 'c is refused', 'D', 'E']);
  });

  it('because the server is away fails for all, and is not tried again', async () => {
    const server = startServer(() => new AppError('STORE_UNAVAILABLE', 'gone'));
    const group = makeGroup(server);
    const results = Promise.allSettled([...'ab'].map((item) => group.add(item)));
    await turn();
    server.writes[0]?.answer();
    for (const each of await results) expect(each).toMatchObject({ status: 'rejected', reason: { message: 'gone' } });
    expect(server.sent()).toEqual(['ab']);
  });
});

describe('settled', () => {
  it('resolves when everything that was added has been written', async () => {
    const server = startServer();
    const group = makeGroup(server, { maxItems: 1 });
    const results = Promise.all([...'ab'].map((item) => group.add(item)));
    let isSettled = false;
    const settled = group.settled().then(() => {
      isSettled = true;
    });
    await turn();
    server.writes[0]?.answer();
    await turn();
    expect(isSettled).toBe(false);
    server.writes[1]?.answer();
    await settled;
    expect(await results).toEqual(['A', 'B']);
  });
});
