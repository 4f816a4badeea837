import type { DeadLetterGroup } from '../contract/dead-letters.ts';
import type { JobFilter } from '../contract/filter.ts';
import type { Page } from '../contract/list.ts';
import type { FailureGroup, GroupCursor } from '../store/dead-letters.ts';
import { type Place, readPage } from './cursors.ts';
import type { Caller, Engine } from './engine.ts';

const BY_LAST_SEEN: Place<FailureGroup> = {
  pattern: /^\d{1,16}-\w{1,64}$/,
  of: ({ lastSeenUs, fingerprint }) => `${lastSeenUs}-${fingerprint}`,
};

/** Lists kinds of failures, the one that was seen last first. @throws INVALID_FIELDS for a cursor of another query */
export async function listFailureGroups(
  engine: Engine,
  caller: Caller,
  filter: JobFilter,
  limit: number,
  cursor: string | undefined,
): Promise<Page<DeadLetterGroup>> {
  const query = { list: 'dead letter groups', caller, filter, limit, cursor };
  const page = await readPage(query, BY_LAST_SEEN, (after, count) =>
    engine.store.deadLetters.groups(caller.scope, filter, count, after === null ? undefined : readPosition(after)),
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
