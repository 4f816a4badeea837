import { z } from 'zod';
import type { ConnectorDefinition, SourceRecord } from './connector.ts';

/** What a collection may be called. */
export const collectionSchema = z
  .string()
  .max(100)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'must be letters, digits, ".", "_" or "-"');

/** Records that were downloaded, as `ctx.services.records`. */
export interface Records {
  /** A new id, larger than that of each snapshot of the collection before it: the later snapshot wins. */
  beginSnapshot(collection: Collection): Promise<string>;
  /**
   * Stores a page in one transaction; of records with the same id the last one counts.
   * @throws NonRetryableError for what cannot be stored, and when a newer snapshot of the collection has begun
   */
  savePage(page: RecordPage): Promise<SavedPage>;
  /**
   * Marks records as deleted that neither this nor a newer snapshot has seen.
   * @param options.limit records at most, 1 to 10,000
   * @returns how many; fewer than `limit` means that all are marked
   */
  markUnseen(snapshot: Snapshot, options: { limit: number }): Promise<number>;
  /** Whether the collection has records that are not deleted. */
  isFilled(collection: Collection): Promise<boolean>;
}

export interface Collection {
  tenant: string;
  collection: string;
}

export interface Snapshot extends Collection {
  snapshotId: string;
}

export interface RecordPage extends Snapshot {
  records: readonly SourceRecord[];
}

/** Each stored record counts once. */
export interface SavedPage {
  inserted: number;
  /** With other data than before. */
  updated: number;
  /** With the same data. */
  unchanged: number;
  /** That had been deleted. */
  restored: number;
  /** That this snapshot had seen before: in another page, or twice in this one. */
  repeated: number;
}

export interface ResolvedConnector {
  connector: ConnectorDefinition;
  /** For its `pages`. */
  parameters: unknown;
}

/** What `records:download` reads with, as `ctx.services.connectors`. */
export interface Connectors {
  /** A connector of JOBS_DIR. */
  find(name: string): Promise<ConnectorDefinition | undefined>;
  /**
   * A connector with the parameters that its schema made of these.
   * @throws NonRetryableError for an unknown name, and for parameters that it does not take (naming each)
   */
  resolve(name: string, parameters: unknown): Promise<ResolvedConnector>;
  /**
   * What CONNECTOR_SECRET_<NAME> holds, for calls to its origin.
   * @throws NonRetryableError when there is none, or the URL is of another origin
   */
  secret(name: string, url: string): string;
}
