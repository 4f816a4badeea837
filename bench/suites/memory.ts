import { readFileSync } from 'node:fs';
import { pause } from '../../src/shared/time.ts';
import { ADMIN_KEY, type LongshoreProgram, startProgram } from '../programs/longshore-program.ts';
import { addQueuedJobs } from './fill-table.ts';
import { type LongshoreName, longshoreNames, toRequest } from './http.ts';
import type { Figure } from './measurement.ts';
import type { Stage } from './stage.ts';
import { interleave, type SuiteContext, type SuiteResult } from './suite.ts';

const modes = ['worker', 'api'] as const;

/** What processes hold in memory that have nothing to do: first without any job, then beside many that wait. */
export function measureMemory(context: SuiteContext): Promise<SuiteResult> {
  const cases = longshoreNames
    .filter((name) => context.plan.contestants.includes(name))
    .map((name) => ({ name, measure: () => measureIdle(context, name) }));
  return interleave('memory', cases, context);
}

function measureIdle({ plan, stages }: SuiteContext, name: LongshoreName): Promise<Figure[]> {
  return stages.on(name, {}, async (stage) => {
    const empty = await measureModes(stage, name, 'empty', plan.idleMs);
    await queueJobs(stage, name, plan.queuedRows);
    return [...empty, ...(await measureModes(stage, name, 'queued jobs', plan.idleMs))];
  });
}

async function measureModes(stage: Stage, subject: LongshoreName, state: string, idleMs: number): Promise<Figure[]> {
  const programs: LongshoreProgram[] = [];
  try {
    const start = async (mode: (typeof modes)[number]) => startProgram(stage.settings, { mode, transport: subject });
    programs.push(...(await Promise.all(modes.map(start))));
    await pause(idleMs);
    return programs.map(({ pid }, index) => {
      const work = `MODE=${modes[index]}, ${state}`;
      return { work, subject, unit: 'MB', sample: { value: readResidentMb(pid) } };
    });
  } finally {
    await Promise.all(programs.map((program) => program.close()));
  }
}

/** Many jobs of a queue that is paused: they wait, and nobody takes them. */
async function queueJobs({ settings }: Stage, transport: LongshoreName, rows: number): Promise<void> {
  const program = await startProgram(settings, { mode: 'api', transport });
  const post = async (path: string, body: object) => {
    const headers = { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' };
    const response = await fetch(program.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`POST ${path} answered ${response.status}: ${await response.text()}`);
  };
  try {
    await post('/v1/queues/bench/pause', {});
    await post('/v1/jobs', toRequest(1, settings.webhookUrl));
  } finally {
    await program.close();
  }
  await addQueuedJobs(settings.databaseUrl, rows);
}

/** @throws an Error where there is no /proc */
function readResidentMb(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return (Number(kilobytes) * 1024) / 1_000_000;
}
