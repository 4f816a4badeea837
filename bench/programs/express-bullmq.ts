/** What one writes without Longshore: an Express route that validates with zod and calls BullMQ's `queue.add`. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Queue } from 'bullmq';
import express from 'express';
import { Redis } from 'ioredis';
import { z } from 'zod';
import { noop } from '../jobs/noop.ts';
import { serve } from '../processes/serve.ts';

export interface ExpressCommands {
  /** @returns the port */
  listen(redisUrl: string): Promise<number>;
  close(): Promise<void>;
}

const bodySchema = z.object({ type: z.literal(noop.type), input: noop.inputSchema, options: z.unknown().optional() });

const commands: ExpressCommands = {
  async listen(redisUrl) {
    const queue = new Queue('bench', { connection: new Redis(redisUrl, { maxRetriesPerRequest: null }) });
    const app = express();
    app.use(express.json());
    app.post('/v1/jobs', async (request, response) => {
      const body = bodySchema.safeParse(request.body);
      if (!body.success) return void response.status(422).json(body.error.issues);
      const job = await queue.add(body.data.type, body.data.input, { removeOnComplete: true });
      response.status(202).json({ id: job.id, type: job.name, status: 'queued' });
    });
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  },
  close: async () => {}, // the process ends
};

serve(commands);
