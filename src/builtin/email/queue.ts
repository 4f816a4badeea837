import { defineQueue } from '../../define/queue.ts';

/** What most servers take without complaint. QUEUE_RATE_LIMIT_EMAIL sets another. */
export const emailQueue = defineQueue({ name: 'email', rateLimit: { max: 10, durationMs: 1000 } });

/** Apart from what they send: a batch that goes on must not wait its turn behind its own e-mails. */
export const emailBatchQueue = defineQueue({ name: 'email-batch' });
