import { parse, stringify } from 'uuid';
import { type BulkAnswer, REJECTED_MAX } from '../contract/bulk.ts';

const ID_BYTES = 16;

/**
 * What became of the jobs of a stream. Ids are kept as bytes: a million of them are 16 MB, as JSON they would be 40 and as
 * strings far more.
 */
export class LineTally {
  /** How many jobs were looked at. */
  lines = 0;
  #accepted = 0;
  #rejectedTotal = 0;
  readonly #rejected: BulkAnswer['rejected'] = [];
  readonly #ids: Uint8Array[] = [];
  readonly #deduplicated: Uint32Array[] = [];

  /** Takes the next jobs of the stream. */
  add({ accepted, rejected, ids, deduplicated }: BulkAnswer): void {
    this.lines += accepted + rejected.length;
    this.#accepted += accepted;
    this.#rejectedTotal += rejected.length;
    this.#rejected.push(...rejected.slice(0, REJECTED_MAX - this.#rejected.length));
    if (ids.length > 0) this.#ids.push(Buffer.concat(ids.map((id) => parse(id))));
    if (deduplicated.length > 0) this.#deduplicated.push(Uint32Array.from(deduplicated));
  }

  /** How long the answer is about, without what is rejected. */
  get bytes(): number {
    return this.#accepted * (2 * ID_BYTES + 7);
  }

  /** The answer as JSON, a piece at a time. */
  *toJson(): Generator<string> {
    const rejected = JSON.stringify(this.#rejected);
    yield `{"accepted":${this.#accepted},"rejected":${rejected},"rejectedTotal":${this.#rejectedTotal},"ids":[`;
    yield* joinLists(this.#ids, formatIds);
    yield '],"deduplicated":[';
    yield* joinLists(this.#deduplicated, (places) => places.join(','));
    yield ']}';
  }
}

function* joinLists<List>(lists: readonly List[], format: (list: List) => string): Generator<string> {
  for (const [place, list] of lists.entries()) yield (place === 0 ? '' : ',') + format(list);
}

function formatIds(bytes: Uint8Array): string {
  const ids: string[] = [];
  for (let start = 0; start < bytes.length; start += ID_BYTES) ids.push(`"${stringify(bytes, start)}"`);
  return ids.join(',');
}
