import { defineJob } from '../../define/job.ts';
import { checkConnector } from '../../define/named.ts';
import { download } from './download.ts';
import { downloadInputSchema, downloadOutputSchema } from './download-schema.ts';
import { DOWNLOAD_TIMEOUT_MS } from './source-request.ts';

export const recordsDownload = defineJob({
  type: 'records:download',
  description:
    'Reads a source page by page and keeps its records, each page in one transaction. A retry goes on behind the last page that was stored; records stay until a full download does not see them any more, and are marked as deleted then.',
  input: downloadInputSchema,
  checkInput: checkConnector,
  output: downloadOutputSchema,
  examples: [
    {
      title: 'An API with a cursor, and a secret of the operator',
      input: {
        collection: 'products',
        connector: 'rest',
        parameters: {
          url: 'https://shop.example.com/api/products',
          auth: { type: 'bearer', secret: 'SHOP' },
          paging: { type: 'cursor', cursorPath: 'next', sizeParameter: 'limit' },
          recordsPath: 'data',
          idPath: 'sku',
        },
      },
    },
    {
      title: 'A compressed CSV file, without looking for deletions',
      input: {
        collection: 'prices',
        connector: 'file',
        parameters: { url: 'https://shop.example.com/files/prices.csv.gz', format: 'csv', idPath: 'sku' },
        mode: 'incremental',
      },
    },
  ],
  failures: [
    { when: 'the source answers 5xx, 408, 425 or 429 (after Retry-After, 24 hours at most)', effect: 'retry' },
    { when: 'the network fails, the source is silent for timeoutMs, or answers no JSON', effect: 'retry' },
    { when: 'the source answers anything else that is no success', effect: 'fail' },
    { when: 'connector, parameters, paging or a record are not what they should be', effect: 'fail' },
    { when: 'a secret is missing, or is for another origin', effect: 'fail' },
    { when: 'a full download gives no record, but the collection holds some (unless allowEmpty)', effect: 'fail' },
    { when: 'a newer download into the same collection has begun: that one wins', effect: 'fail' },
  ],
  repeats:
    'Reading goes on behind the last page that was stored, as one snapshot. A page may be read twice, which changes nothing; its records count as repeated.',
  attempts: 10,
  timeoutMs: DOWNLOAD_TIMEOUT_MS,
  run: download,
});
