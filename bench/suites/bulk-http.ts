import { startProgram } from '../programs/longshore-program.ts';
import { type LongshoreName, loadServer, toRequest } from './http.ts';
import type { Figure } from './measurement.ts';
import type { SuiteContext } from './suite.ts';

const BULK = 1000;
const CONNECTIONS = 4;

/** JSON bulks of 1,000 over HTTP, a few callers at once. */
export function measureHttpBulks(
  context: SuiteContext,
  name: LongshoreName,
  environment: Record<string, string>,
): Promise<Figure[]> {
  return context.stages.on(name, { environment }, async (stage) => {
    const program = stage.join(await startProgram(stage.settings, { mode: 'api', transport: name }));
    const jobs = Array.from({ length: BULK }, (_, n) => toRequest(n, stage.settings.webhookUrl));
    return loadServer(context, stage, program.url, name, {
      path: '/v1/jobs/bulk',
      bodies: [JSON.stringify({ jobs })],
      connections: CONNECTIONS,
      status: 200,
      jobsPerRequest: BULK,
    });
  });
}
