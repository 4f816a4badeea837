import type { DeadLetterGroup } from '../contract/dead-letters.ts';
import type { JobFilter } from '../contract/filter.ts';
import { type Page, toPage } from '../contract/list.ts';
import type { FailureGroup, GroupCursor } from '../store/dead-letters.ts';
import { readCursor, writeCursor } from './cursors.ts';
import type { Caller, Engine } from './engine.ts';

const POSITION = /^\d{1,16}-\w{1,64}$/;

/** Lists kinds of failures, the one that was seen last first. @throws INVALID_FIELDS for a cursor of another query */
export async function listFailureGroups(
  engine: Engine,
  caller: Caller,
  filter: JobFilter,
  limit: number,
  cursor: string | undefined,
): Promise<Page<DeadLetterGroup>> {
  const query = { list: 'dead letter groups', caller, filter };
  const position = readCursor(query, cursor, POSITION);
  const after = position === null ? undefined : readPosition(position);
  const groups = await engine.store.deadLetters.groups(caller.scope, filter, limit + 1, after);
  const page = toPage(groups, limit, ({ lastSeenUs, fingerprint }) =>
    writeCursor(query, `${lastSeenUs}-${fingerprint}`),
  );
  return { ...page, items: page.items.map(toResource) };
}

function readPosition(position: string): GroupCursor {
  const [lastSeenUs, fingerprint = ''] = position.split('-');
  return { lastSeenUs: Number(lastSeenUs), fingerprint };
}

function toResource({ lastSeenUs: _, firstSeen, lastSeen, ...rest }: FailureGroup): DeadLetterGroup {
  return { ...rest, firstSeen: firstSeen.toISOString(), lastSeen: lastSeen.toISOString() };
}
