import { describe, expect, it } from 'vitest';
import { REJECTED_MAX } from '../contract/bulk.ts';
import { createId } from '../shared/ids.ts';
import { LineTally } from './line-tally.ts';

const readBack = (tally: LineTally) => JSON.parse([...tally.toJson()].join(''));

describe('LineTally', () => {
  it('says what became of all jobs, in the order of the stream', () => {
    const tally = new LineTally();
    const ids = [createId(), createId(), createId()] as const;
    const fault = { index: 1, errors: [{ path: 'input', message: '"no"' }] };
    tally.add({ accepted: 1, rejected: [fault], ids: [ids[0]], deduplicated: [] });
    tally.add({ accepted: 0, rejected: [], ids: [], deduplicated: [] });
    tally.add({ accepted: 2, rejected: [], ids: [ids[1], ids[2]], deduplicated: [3] });
    expect(tally.lines).toBe(4);
    expect(readBack(tally)).toEqual({ accepted: 3, rejected: [fault], rejectedTotal: 1, ids, deduplicated: [3] });
  });

  it('lists the first of the rejected jobs and counts the others', () => {
    const tally = new LineTally();
    const rejected = Array.from({ length: 700 }, (_, index) => ({ index, errors: [] }));
    for (let n = 0; n < 3; n += 1) tally.add({ accepted: 0, rejected, ids: [], deduplicated: [] });
    const answer = readBack(tally);
    expect(answer.rejectedTotal).toBe(2100);
    expect(answer.rejected).toHaveLength(REJECTED_MAX);
  });

  it('is empty for an empty stream', () => {
    expect(readBack(new LineTally())).toEqual({
      accepted: 0,
      rejected: [],
      rejectedTotal: 0,
      ids: [],
      deduplicated: [],
    });
  });
});
