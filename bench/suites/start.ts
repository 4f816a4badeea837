import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startProgram } from '../programs/longshore-program.ts';
import { type LongshoreName, longshoreNames } from './http.ts';
import type { Figure, Subject } from './measurement.ts';
import { type Case, interleave, type SuiteContext, type SuiteResult } from './suite.ts';

const IMPORTS = fileURLToPath(new URL('../programs/imports.ts', import.meta.url));
const IN_GOAL: LongshoreName = 'longshore-bullmq';
/** A start is short, and what disturbs it is not. */
const MIN_ROUNDS = 5;

/** From the start of the process until it says that it is ready, with Node's compile cache warm. */
export async function measureStart(context: SuiteContext): Promise<SuiteResult> {
  const cache = await mkdtemp(join(tmpdir(), 'longshore-bench-cache-'));
  const environment = { NODE_COMPILE_CACHE: cache };
  const cases: Case[] = [
    createCase('node imports', () => measureImports(context, environment)),
    ...longshoreNames
      .filter((name) => context.plan.contestants.includes(name) && (name === IN_GOAL || !context.plan.isQuick))
      .map((name) => createCase(name, () => measureWorker(context, name, environment))),
  ];
  try {
    for (const { measure } of cases) await measure(0); // fills the cache
    const plan = { ...context.plan, rounds: Math.max(MIN_ROUNDS, context.plan.rounds) };
    return await interleave('start', cases, { ...context, plan });
  } finally {
    await rm(cache, { recursive: true, force: true });
  }
}

function createCase(subject: Subject, measureMs: () => Promise<number>): Case {
  const toFigure = (value: number): Figure => ({ work: 'ready', subject, unit: 'ms', sample: { value } });
  return { name: subject, measure: async () => [toFigure(await measureMs())] };
}

function measureWorker(
  { stages }: SuiteContext,
  name: LongshoreName,
  environment: Record<string, string>,
): Promise<number> {
  return stages.on(name, { environment }, async (stage) => {
    const program = stage.join(await startProgram(stage.settings, { mode: 'worker', transport: name }));
    return program.readyMs;
  });
}

function measureImports({ stages }: SuiteContext, environment: Record<string, string>): Promise<number> {
  return stages.on('bullmq-redis', {}, async ({ settings }) => {
    const startedAtMs = performance.now();
    const { PATH, HOME } = process.env;
    const env = { PATH, HOME, DATABASE_URL: settings.databaseUrl, REDIS_URL: settings.redisUrl, ...environment };
    const child = spawn(process.execPath, [IMPORTS], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    await Promise.race([once(child.stdout, 'data'), ended]);
    const readyMs = performance.now() - startedAtMs;
    const [code] = await ended;
    if (code !== 0) throw new Error(`the comparison ended with ${code}`);
    return readyMs;
  });
}
