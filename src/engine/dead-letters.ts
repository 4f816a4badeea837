import type { DeadLetterGroup } from '../contract/dead-letters.ts';
import type { JobFilter } from '../contract/filter.ts';
import { type Page, toPage } from '../contract/list.ts';
import { invalidFields } from '../shared/errors.ts';
import type { FailureGroup, GroupCursor } from '../store/dead-letters.ts';
import type { Caller, Engine } from './engine.ts';

/** Lists kinds of failures, the one that was seen last first. @throws INVALID_FIELDS for a cursor of another list */
export async function listFailureGroups(
  engine: Engine,
  caller: Caller,
  filter: JobFilter,
  limit: number,
  cursor: string | undefined,
): Promise<Page<DeadLetterGroup>> {
  const after = cursor === undefined ? undefined : readCursor(cursor);
  const groups = await engine.store.deadLetters.groups(caller.scope, filter, limit + 1, after);
  const page = toPage(groups, limit, ({ lastSeenUs, fingerprint }) => `${lastSeenUs}.${fingerprint}`);
  return { ...page, items: page.items.map(toResource) };
}

function readCursor(cursor: string): GroupCursor {
  const [, lastSeenUs, fingerprint = ''] = /^(\d{1,16})\.(\w{1,64})$/.exec(cursor) ?? [];
  if (lastSeenUs !== undefined) return { lastSeenUs: Number(lastSeenUs), fingerprint };
  throw invalidFields([{ path: 'cursor', message: 'is not a cursor of this list' }]);
}

function toResource({ lastSeenUs: _, firstSeen, lastSeen, ...rest }: FailureGroup): DeadLetterGroup {
  return { ...rest, firstSeen: firstSeen.toISOString(), lastSeen: lastSeen.toISOString() };
}
