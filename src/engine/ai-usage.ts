import type { AiUsageResource } from '../contract/ai-usage.ts';
import type { Page } from '../contract/list.ts';
import type { AiUsageCursor, AiUsageFilter } from '../store/ai-usage.ts';
import { type Place, readPage } from './cursors.ts';
import type { Caller, Engine } from './engine.ts';

const BY_DAY: Place<AiUsageResource> = {
  pattern: { test: (place) => readPlace(place) !== undefined },
  of: ({ day, tenant, model }) => [day, tenant, model].map(encodeURIComponent).join('~'),
};

/** Lists what AI calls used, by day and model, newest day first. @throws INVALID_FIELDS for a cursor of another query */
export function listAiUsage(
  engine: Engine,
  caller: Caller,
  filter: AiUsageFilter,
  limit: number,
  cursor: string | undefined,
): Promise<Page<AiUsageResource>> {
  return readPage({ list: 'AI usage', caller, filter, limit, cursor }, BY_DAY, (after, count) =>
    engine.store.aiUsage.list(caller.scope, filter, count, after === null ? undefined : readPlace(after)),
  );
}

function readPlace(place: string): AiUsageCursor | undefined {
  const parts = /^(\d{4}-\d\d-\d\d)~([^~]*)~([^~]*)$/.exec(place);
  try {
    const [day, tenant, model] = parts?.slice(1).map(decodeURIComponent) ?? [];
    const isDay = day !== undefined && !Number.isNaN(Date.parse(day));
    if (isDay && tenant !== undefined && model !== undefined && !`${tenant}${model}`.includes('\u0000')) {
      return { day, tenant, model };
    }
  } catch {
    // A stray %: not one of ours either.
  }
  return undefined;
}
