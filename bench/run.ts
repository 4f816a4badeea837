/** `npm run bench`: measures Longshore and the queues that it is compared with, and says which goals are met. */
import { installPeers } from './install-peers.ts';
import { type Plan, readPlan, type SuiteName, USAGE } from './plan.ts';
import { describeMachine } from './report/machine.ts';
import { printResults, type Results, saveResults, writeDocument } from './report/results.ts';
import { startServers } from './servers/servers.ts';
import { measureBulk } from './suites/bulk.ts';
import { measureCatalogue } from './suites/catalogue.ts';
import { measureEnqueue } from './suites/enqueue.ts';
import { measureGrowth } from './suites/growth.ts';
import { measureHttp } from './suites/http.ts';
import { measureLatency } from './suites/latency.ts';
import { measureMemory } from './suites/memory.ts';
import { measureRun } from './suites/run.ts';
import { measureSearch } from './suites/search.ts';
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
  memory: measureMemory,
  start: measureStart,
  growth: measureGrowth,
  catalogue: measureCatalogue,
  search: measureSearch,
};

async function measure(plan: Plan): Promise<Results> {
  const startedAt = new Date().toISOString();
  const startedAtMs = performance.now();
  const servers = await startServers();
  try {
    const machine = await describeMachine(servers);
    const report = (line: string) => console.error(line);
    const context = { plan, stages: new Stages(servers), report, endsAtMs: startedAtMs + plan.limitMs };
    const results: SuiteResult[] = [];
    for (const name of plan.suites) results.push(await suites[name](context));
    return {
      startedAt,
      tookMs: performance.now() - startedAtMs,
      machine,
      plan,
      measurements: results.flatMap(({ measurements }) => measurements),
      failures: results.flatMap(({ failures }) => failures),
    };
  } finally {
    await servers.stop();
  }
}

function readPlanOrExit(): Plan {
  try {
    const plan = readPlan(process.argv.slice(2));
    if (plan !== 'help') return plan;
    console.log(USAGE);
    process.exit(0);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    process.exit(2);
  }
}

// Servers and contestants end with this process, however it ends.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const plan = readPlanOrExit();
installPeers();
const results = await measure(plan);
console.log(`\n${printResults(results)}\n`);
console.log(`everything is in ${saveResults(results)}`);
if (plan.writesDocs) writeDocument(results);
process.exitCode = results.failures.length > 0 ? 1 : 0;
