import { z } from 'zod';
import { type HealthResource, healthSchema } from '../../contract/program.ts';
import { type Route, route } from '../route.ts';

/** How the program says that it is well. */
export type HealthCheck = () => Promise<HealthResource>;

export function healthRoutes(check: HealthCheck): Route[] {
  return [
    route({
      method: 'get',
      path: '/health/live',
      scope: 'none',
      summary: 'Whether the process answers at all',
      answers: { 200: z.object({ status: z.literal('ok') }) },
      handle: async () => ({ status: 200, body: { status: 'ok' } }),
    }),
    route({
      method: 'get',
      path: '/health/ready',
      scope: 'none',
      summary: 'Whether the program can do its work; 503 where it cannot. The API can without Redis',
      answers: { 200: healthSchema, 503: healthSchema },
      async handle() {
        const health = await check();
        return { status: isReady(health) ? 200 : 503, body: health };
      },
    }),
    route({
      method: 'get',
      path: '/health',
      scope: 'none',
      summary: 'How the program fares',
      answers: { 200: healthSchema },
      handle: async () => ({ status: 200, body: await check() }),
    }),
  ];
}

// Jobs are accepted while Redis is away: to take the API out of service then would turn a delay into an outage.
function isReady({ status, mode, connections }: HealthResource): boolean {
  if (status === 'stopping' || connections.postgres !== 'ok') return false;
  return mode !== 'worker' || connections.redis !== 'down';
}
