import { describe, expect, it } from 'vitest';
import { type Visit, visitHosts } from './host-lanes.ts';

const urlsOf = (...paths: string[]) => paths.map((path) => `https://${path}`);
const never = new AbortController().signal;

function makeVisit(changes: Partial<Visit>): Visit {
  return {
    lanes: 2,
    delayMs: 0,
    mayVisit: () => true,
    leaveOut: async () => {},
    visit: async () => undefined,
    ...changes,
  };
}

describe('visitHosts', () => {
  it('begins each host once, and leaves out what may not be visited', async () => {
    const begun: string[] = [];
    const visited: string[] = [];
    const leftOut: string[] = [];
    const visit = makeVisit({
      mayVisit: (url) => !url.endsWith('x'),
      leaveOut: async (url) => void leftOut.push(url),
      visit: async (url) => void visited.push(url),
    });
    const begin = async (origin: string) => {
      begun.push(origin);
      return visit;
    };
    await visitHosts(urlsOf('a/1', 'b/1', 'a/2', 'a/x'), begin, never);
    expect(begun).toEqual(['https://a', 'https://b']);
    expect(visited.toSorted()).toEqual(urlsOf('a/1', 'a/2', 'b/1'));
    expect(leftOut).toEqual(urlsOf('a/x'));
  });

  it('visits once more what a busy host put off, and not a third time', async () => {
    const visits: [string, boolean][] = [];
    const visit = async (url: string, isLast: boolean) => {
      visits.push([url, isLast]);
      return 1;
    };
    await visitHosts(urlsOf('a/1'), async () => makeVisit({ visit }), never);
    expect(visits).toEqual([
      ['https://a/1', false],
      ['https://a/1', true],
    ]);
  });

  it('throws the first fault when everything else that is under way has ended', async () => {
    const slow = Promise.withResolvers<undefined>();
    let hasEnded = false;
    const visited: string[] = [];
    const visit = async (url: string) => {
      visited.push(url);
      if (url.endsWith('bad')) {
        setImmediate(() => slow.resolve(undefined));
        throw new Error('the disk is full');
      }
      await slow.promise;
      hasEnded = true;
      return undefined;
    };
    const run = visitHosts(urlsOf('a/slow', 'a/bad', 'a/2', 'a/3'), async () => makeVisit({ visit }), never);
    await expect(run).rejects.toThrow('the disk is full');
    expect(hasEnded).toBe(true);
    expect(visited).toEqual(urlsOf('a/slow', 'a/bad'));
  });

  it('ends with the reason of its signal, also while it waits for its turn', async () => {
    const cancel = new AbortController();
    const visit = async () => {
      setImmediate(() => cancel.abort(new Error('cancelled')));
      return undefined;
    };
    const begin = async () => makeVisit({ lanes: 1, delayMs: 60_000, visit });
    await expect(visitHosts(urlsOf('a/1', 'a/2'), begin, cancel.signal)).rejects.toThrow('cancelled');
  });
});
