import type { BulkLine } from '../contract/bulk.ts';
import { LINES_MEDIA_TYPE } from '../contract/media-types.ts';

export const LINES_HEADERS = { 'content-type': LINES_MEDIA_TYPE };
/** Characters that are sent together. */
const CHUNK_LENGTH = 65_536;

/** Jobs as lines of JSON, made as they are asked for. */
export function formatLines(
  jobs: AsyncIterable<BulkLine> | Iterable<BulkLine>,
  onSent: (sent: number) => void = () => undefined,
): ReadableStream<Uint8Array> {
  const chunks = toChunks(jobs, onSent);
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await chunks.return();
    },
  });
}

async function* toChunks(
  jobs: AsyncIterable<BulkLine> | Iterable<BulkLine>,
  onSent: (sent: number) => void,
): AsyncGenerator<Uint8Array, void> {
  const encoder = new TextEncoder();
  let text = '';
  let sent = 0;
  for await (const job of jobs) {
    text += `${typeof job === 'string' ? job : JSON.stringify(job)}\n`;
    sent += 1;
    if (text.length < CHUNK_LENGTH) continue;
    yield encoder.encode(text);
    text = '';
    onSent(sent);
  }
  if (text !== '') yield encoder.encode(text);
  onSent(sent);
}
