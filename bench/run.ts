/** `npm run bench`: measures Longshore and the queues that it is compared with, and says which goals are met. */
import { installPeers } from './install-peers.ts';
import { readPlan, type SuiteName, USAGE } from './plan.ts';
import { judgeGoals } from './report/goals.ts';
import { printTable } from './report/print.ts';
import { describeGoals, describeMeasurements } from './report/tables.ts';
import { startServers } from './servers/servers.ts';
import { measureBulk } from './suites/bulk.ts';
import { measureEnqueue } from './suites/enqueue.ts';
import { measureGrowth } from './suites/growth.ts';
import { measureHttp } from './suites/http.ts';
import { measureLatency } from './suites/latency.ts';
import { measureMemory } from './suites/memory.ts';
import { measureRun } from './suites/run.ts';
import { Stages } from './suites/stage.ts';
import { measureStart } from './suites/start.ts';
import { measureSteady } from './suites/steady.ts';
import type { SuiteContext, SuiteResult } from './suites/suite.ts';

const suites: Record<SuiteName, (context: SuiteContext) => Promise<SuiteResult>> = {
  enqueue: measureEnqueue,
  bulk: measureBulk,
  run: measureRun,
  steady: measureSteady,
  latency: measureLatency,
  http: measureHttp,
  growth: measureGrowth,
  memory: measureMemory,
  start: measureStart,
};

const plan = readPlan(process.argv.slice(2));
if (plan === 'help') {
  console.log(USAGE);
  process.exit();
}
installPeers();
const servers = await startServers();
try {
  const context = { plan, stages: new Stages(servers), report: (line: string) => console.error(line) };
  const results: SuiteResult[] = [];
  for (const name of plan.suites) {
    results.push(await suites[name](context));
  }
  const measurements = results.flatMap((result) => result.measurements);
  for (const table of describeMeasurements(measurements)) console.log(printTable(table));
  console.log(printTable(describeGoals(judgeGoals(measurements).filter(({ figure }) => figure))));
  for (const failure of results.flatMap(({ failures }) => failures)) console.log(failure);
} finally {
  await servers.stop();
}
