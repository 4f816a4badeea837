import type { AiUsageResource } from '../contract/ai-usage.ts';
import { type Page, toPage } from '../contract/list.ts';
import { invalidFields } from '../shared/errors.ts';
import type { AiUsageCursor, AiUsageFilter } from '../store/ai-usage.ts';
import type { Caller, Engine } from './engine.ts';

/** Lists what AI calls used, by day and model, newest day first. @throws INVALID_FIELDS for a cursor of another list */
export async function listAiUsage(
  engine: Engine,
  caller: Caller,
  filter: AiUsageFilter,
  limit: number,
  cursor: string | undefined,
): Promise<Page<AiUsageResource>> {
  const after = cursor === undefined ? undefined : readCursor(cursor);
  const rows = await engine.store.aiUsage.list(caller.scope, filter, limit + 1, after);
  return toPage(rows, limit, ({ day, tenant, model }) => [day, tenant, model].map(encodeURIComponent).join('~'));
}

function readCursor(cursor: string): AiUsageCursor {
  const parts = /^(\d{4}-\d\d-\d\d)~([^~]*)~([^~]*)$/.exec(cursor);
  try {
    const [day, tenant, model] = parts?.slice(1).map(decodeURIComponent) ?? [];
    const isDay = day !== undefined && !Number.isNaN(Date.parse(day));
    if (isDay && tenant !== undefined && model !== undefined && !`${tenant}${model}`.includes('\u0000')) {
      return { day, tenant, model };
    }
  } catch {
    // A stray %: not one of ours either.
  }
  throw invalidFields([{ path: 'cursor', message: 'is not a cursor of this list' }]);
}
