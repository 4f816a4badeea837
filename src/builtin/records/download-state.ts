import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { ConnectorPage } from '../../define/connector.ts';
import type { SavedPage } from '../../define/records.ts';
import { type DownloadInput, statsSchema } from './download-schema.ts';

/** Kept after each page, so that the next attempt goes on behind it. */
export const stateSchema = z.object({
  /** Of the input: with another one the cursor means nothing. */
  fingerprint: z.string(),
  snapshotId: z.string(),
  /** Of the last page that is stored; null before the first. */
  cursor: z.unknown(),
  /** Whether the last page is stored. */
  isComplete: z.boolean(),
  stats: statsSchema,
});
export type DownloadState = z.output<typeof stateSchema>;

export function beginState(input: DownloadInput, snapshotId: string): DownloadState {
  const stats = { pages: 0, seen: 0, inserted: 0, updated: 0, unchanged: 0, restored: 0, repeated: 0, deleted: 0 };
  return { fingerprint: fingerprintOf(input), snapshotId, cursor: input.cursor ?? null, isComplete: false, stats };
}

/** @returns undefined when there is nothing to go on with, or the job was retried with another input */
export function readState(kept: unknown, input: DownloadInput): DownloadState | undefined {
  const { data } = stateSchema.safeParse(kept);
  return data?.fingerprint === fingerprintOf(input) ? data : undefined;
}

export function addPage(state: DownloadState, { records, cursor }: ConnectorPage, saved: SavedPage): DownloadState {
  const { stats } = state;
  return {
    ...state,
    // An incremental download goes on from here some day, so the end of the pages does not count as a place.
    cursor: cursor ?? state.cursor,
    isComplete: cursor === null || cursor === undefined,
    stats: {
      ...stats,
      pages: stats.pages + 1,
      seen: stats.seen + records.length,
      inserted: stats.inserted + saved.inserted,
      updated: stats.updated + saved.updated,
      unchanged: stats.unchanged + saved.unchanged,
      restored: stats.restored + saved.restored,
      repeated: stats.repeated + saved.repeated,
    },
  };
}

function fingerprintOf({ collection, connector, parameters, mode, cursor }: DownloadInput): string {
  const what = JSON.stringify([collection, connector, parameters, mode, cursor ?? null]);
  return createHash('sha256').update(what).digest('hex');
}
