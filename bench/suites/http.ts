import { noop } from '../jobs/noop.ts';
import { RemoteProcess } from '../processes/remote-process.ts';
import type { ExpressCommands } from '../programs/express-bullmq.ts';
import type { LoadCommands, LoadOptions } from '../programs/http-load.ts';
import { ADMIN_KEY, startProgram } from '../programs/longshore-program.ts';
import { WIDE_WINDOW } from './enqueue.ts';
import type { Figure, Subject } from './measurement.ts';
import { chooseJobs, speedOf } from './sizes.ts';
import type { Stage } from './stage.ts';
import { type Case, interleave, type SuiteContext, type SuiteResult } from './suite.ts';

const EXPRESS = new URL('../programs/express-bullmq.ts', import.meta.url);
const LOAD = new URL('../programs/http-load.ts', import.meta.url);
const CONNECTIONS = 100;
const LIMIT_MS = 90_000;

export type LongshoreName = 'longshore-bullmq' | 'longshore-postgres';
export const longshoreNames: readonly LongshoreName[] = ['longshore-bullmq', 'longshore-postgres'];

type Load = Pick<LoadOptions, 'bodies' | 'connections' | 'status'> & { path: string; jobsPerRequest: number };

/** `POST /v1/jobs` over 100 connections, against what one would write without Longshore. No worker runs. */
export function measureHttp(context: SuiteContext): Promise<SuiteResult> {
  const { contestants } = context.plan;
  const cases: Case[] = longshoreNames
    .filter((name) => contestants.includes(name))
    .map((name) => ({ name, measure: () => measureLongshore(context, name) }));
  const express = { name: 'express + bullmq', measure: () => measureExpress(context) };
  return interleave('http', contestants.includes('bullmq-redis') ? [express, ...cases] : cases, context);
}

function measureExpress(context: SuiteContext): Promise<Figure[]> {
  return context.stages.on('bullmq-redis', {}, async (stage) => {
    const express = stage.join(new RemoteProcess<ExpressCommands>('express', EXPRESS, LIMIT_MS));
    const port = await express.call('listen', stage.settings.redisUrl);
    return loadServer(context, stage, `http://127.0.0.1:${port}`, 'express + bullmq', listSingles(stage));
  });
}

function measureLongshore(context: SuiteContext, name: LongshoreName): Promise<Figure[]> {
  return context.stages.on(name, { environment: WIDE_WINDOW }, async (stage) => {
    const program = stage.join(await startProgram(stage.settings, { mode: 'api', transport: name }));
    return loadServer(context, stage, program.url, name, listSingles(stage));
  });
}

// As everywhere, one job in a hundred has a webhook.
function listSingles({ settings }: Stage): Load {
  const bodies = Array.from({ length: 100 }, (_, n) => JSON.stringify(toRequest(n, settings.webhookUrl)));
  return { path: '/v1/jobs', bodies, connections: CONNECTIONS, status: 202, jobsPerRequest: 1 };
}

export function toRequest(n: number, webhookUrl: string): object {
  const webhook = { url: webhookUrl, events: ['job.completed'] };
  return { type: noop.type, input: { n, sentAtUs: 0 }, ...(n % 100 === 0 ? { options: { webhook } } : {}) };
}

/** Sends requests to warm up, then those that count. */
export async function loadServer(
  { plan }: SuiteContext,
  stage: Stage,
  url: string,
  subject: Subject,
  { path, jobsPerRequest, ...load }: Load,
): Promise<Figure[]> {
  const client = stage.assist(new RemoteProcess<LoadCommands>('load', LOAD, LIMIT_MS));
  const headers = { authorization: `Bearer ${ADMIN_KEY}` };
  const send = async (jobs: number) => {
    const requests = Math.max(load.connections, Math.ceil(jobs / jobsPerRequest));
    const options = { ...load, url: url + path, headers, requests, limitMs: plan.runLimitMs };
    const timing = await client.call('send', options);
    return { ...timing, jobs: timing.requests * jobsPerRequest };
  };
  const warmUp = await send(plan.warmUpJobs);
  const speed = speedOf(warmUp.jobs, warmUp.startedAtUs, warmUp.answeredAtUs);
  const timing = await stage.countCpu(() => send(chooseJobs(plan, speed)));
  const value = speedOf(timing.jobs, timing.startedAtUs, timing.answeredAtUs);
  const work = jobsPerRequest === 1 ? 'answered' : 'over HTTP';
  return [{ work, subject, unit: 'jobs/s', sample: { value, cpuUs: timing.cpuUs } }];
}
