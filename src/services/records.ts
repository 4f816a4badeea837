import type { SourceRecord } from '../define/connector.ts';
import { NonRetryableError } from '../define/errors.ts';
import type { RecordPage, Records, SavedPage, Snapshot } from '../define/records.ts';
import { createId, createLaterId } from '../shared/ids.ts';
import { encodeJson, toStorableText } from '../shared/json.ts';
import { createRecordStore, type RecordRow } from '../store/records.ts';
import type { Store } from '../store/store.ts';

const MAX_ID_LENGTH = 500;
const MAX_RECORD_BYTES = 1024 * 1024;
const MAX_PAGE_RECORDS = 10_000;
/** Rows of one statement; all statements of a page are one transaction. */
const BATCH_ROWS = 1000;

/** Keeps records in the program's own database. */
export function createRecords(getStore: () => Promise<Store>): Records {
  return {
    async beginSnapshot(collection) {
      const newest = await (await getStore()).records.newestSnapshot(collection);
      const id = createId();
      // The clock of the machine that began the newest one may be ahead of ours.
      return newest === null || newest < id ? id : createLaterId(newest);
    },

    async savePage({ records, ...snapshot }) {
      const rows = toRows(records);
      const { database } = await getStore();
      const saved = await database.transaction((own) => saveRows(createRecordStore(own), snapshot, rows));
      return { ...saved, repeated: saved.repeated + records.length - rows.length };
    },

    async markUnseen(snapshot, { limit }) {
      const { records } = await getStore();
      if (await records.isOutdated(snapshot)) throw refuseOutdated(snapshot);
      return records.markUnseen(snapshot, limit);
    },

    async isFilled(collection) {
      return (await (await getStore()).records.newestSnapshot(collection)) !== null;
    },
  };
}

async function saveRows(store: Store['records'], snapshot: Snapshot, rows: readonly RecordRow[]): Promise<SavedPage> {
  const total: SavedPage = { inserted: 0, updated: 0, unchanged: 0, restored: 0, repeated: 0 };
  for (let start = 0; start < rows.length; start += BATCH_ROWS) {
    const { isOutdated, ...counts } = await store.save(snapshot, rows.slice(start, start + BATCH_ROWS));
    if (isOutdated) throw refuseOutdated(snapshot);
    for (const name of Object.keys(total) as (keyof SavedPage)[]) total[name] += counts[name];
  }
  return total;
}

function refuseOutdated({ collection, snapshotId }: Snapshot): NonRetryableError {
  return new NonRetryableError(
    `a newer download into the collection "${collection}" has begun: this one (snapshot ${snapshotId}) gives way to it`,
  );
}

/** Of records with the same id the last one stays. In the order of their ids, in which they are locked. */
function toRows(records: RecordPage['records']): RecordRow[] {
  if (records.length > MAX_PAGE_RECORDS) {
    throw new NonRetryableError(`a page has ${records.length} records; at most ${MAX_PAGE_RECORDS} are allowed`);
  }
  const byId = new Map(records.map((record, index) => [checkId(record.id, index), record]));
  return [...byId.values()]
    .map((record) => ({ id: record.id, data: encodeData(record) }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

function checkId(id: unknown, index: number): string {
  const isUsable =
    typeof id === 'string' && id !== '' && id.length <= MAX_ID_LENGTH && !id.includes('\u0000') && id.isWellFormed();
  if (isUsable) return id;
  const shown = JSON.stringify(id)?.slice(0, 100) ?? typeof id;
  throw new NonRetryableError(
    `record ${index} of a page has the id ${shown}; an id is a text of 1 to ${MAX_ID_LENGTH} characters without NUL`,
  );
}

/** What PostgreSQL cannot store in a text becomes U+FFFD: one such character must not keep all other records out. */
function encodeData({ id, data }: SourceRecord): string {
  const label = `the data of record "${id.slice(0, 100)}"`;
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    throw new NonRetryableError(`${label} must be a JSON object`);
  }
  const encoded = encodeJson(data, MAX_RECORD_BYTES);
  if (encoded.ok) return encoded.json;
  const mended = JSON.stringify(data, (_, value: unknown) =>
    typeof value === 'string' ? toStorableText(value) : value,
  );
  if (encodeJson(JSON.parse(mended), MAX_RECORD_BYTES).ok) return mended;
  throw new NonRetryableError(`${label} ${encoded.fault}`);
}
