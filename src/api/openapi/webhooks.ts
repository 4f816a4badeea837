import { webhookPayloads } from '../../contract/webhook-bodies.ts';
import type { WriteSchema } from './schemas.ts';

const headers = {
  'webhook-id': { description: 'The id of the delivery, the same for every try.', schema: { type: 'string' } },
  'webhook-timestamp': { description: 'When this try was made, in seconds since 1970.', schema: { type: 'string' } },
  'webhook-signature': {
    description: '`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`, by the key within `whsec_…`.',
    schema: { type: 'string' },
  },
};

/** What the program sends to others (Standard Webhooks), by its event. */
export function toWebhooks(writeSchema: WriteSchema): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(webhookPayloads).map(([event, { summary, schema }]) => [
      event,
      {
        post: {
          operationId: `on${event.replaceAll(/(?:^|\.)(\w)/g, (_match, letter: string) => letter.toUpperCase())}`,
          tags: ['Webhooks'],
          summary,
          security: [],
          parameters: Object.entries(headers).map(([name, header]) => ({
            name,
            in: 'header',
            required: true,
            ...header,
          })),
          requestBody: { required: true, content: { 'application/json': { schema: writeSchema(schema, 'output') } } },
          responses: {
            '2XX': { description: 'It was taken' },
            410: { description: 'The address is gone: nothing more is sent to it' },
            '4XX': { description: 'It was not taken; it is sent again later' },
            default: { description: 'It was not taken; it is sent again later' },
          },
        },
      },
    ]),
  );
}
