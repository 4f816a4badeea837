import type { Engine } from '../engine/engine.ts';
import type { Route } from './route.ts';
import { aiUsageRoutes } from './routes/ai-usage.ts';
import { apiKeyRoutes } from './routes/api-keys.ts';
import { auditRoutes } from './routes/audit.ts';
import { batchRoutes } from './routes/batches.ts';
import { bulkActionRoutes } from './routes/bulk-actions.ts';
import { deadLetterRoutes } from './routes/dead-letters.ts';
import { fileRoutes } from './routes/files.ts';
import { jobEventRoutes } from './routes/job-events.ts';
import { jobHistoryRoutes } from './routes/job-history.ts';
import { jobRoutes } from './routes/jobs.ts';
import { notificationRoutes } from './routes/notifications.ts';
import { programRoutes } from './routes/program.ts';
import { scheduleRoutes } from './routes/schedules.ts';
import { tenantRoutes } from './routes/tenants.ts';
import { webhookRoutes } from './routes/webhooks.ts';
import { workerRoutes } from './routes/workers.ts';

export { bullBoardPage } from './pages/bull-board.ts';
export { docsPage } from './pages/docs.ts';
export { healthRoutes } from './routes/health.ts';

/** Every endpoint of the API but the health checks, which a worker has too. */
export function apiRoutes(engine: Engine): Route[] {
  return [
    ...jobRoutes(engine),
    ...jobHistoryRoutes(engine),
    ...jobEventRoutes(engine),
    ...fileRoutes(engine),
    ...notificationRoutes(engine),
    ...deadLetterRoutes(engine),
    ...bulkActionRoutes(engine),
    ...webhookRoutes(engine),
    ...workerRoutes(engine),
    ...batchRoutes(engine),
    ...aiUsageRoutes(engine),
    ...scheduleRoutes(engine),
    ...programRoutes(engine),
    ...apiKeyRoutes(engine),
    ...tenantRoutes(engine),
    ...auditRoutes(engine),
  ];
}
