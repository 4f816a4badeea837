import { readFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import type { HttpServer, LoadApp } from './api/server.ts';
import { assemble, chooseQueues, heartbeatMsOf, type Program } from './assemble.ts';
import type { HealthResource } from './contract/program.ts';
import { loadJobs } from './define/load-jobs.ts';
import { type Env, findConcurrencyOverride, loadEnv, readEnvFile } from './env.ts';
import { type Running, stopOnSignals, surviveStrayErrors } from './lifecycle.ts';
import { isAppError } from './shared/errors.ts';
import { messageOf } from './shared/failure.ts';
import { createLogger, type Logger } from './telemetry/logger.ts';
import type { WorkerService } from './worker/worker-service.ts';

const HTTP_GRACE_MS = 2000;
/** How long closing connections may take after the jobs have ended or were put back. */
const STOP_GRACE_MS = 10_000;

/**
 * Runs the program as MODE says until a signal ends it. Resolves when it has started; a start that fails ends the process
 * with exit code 1 and one clear message.
 */
export async function startProgram(): Promise<void> {
  let log = createLogger({ level: 'info', format: process.stdout.isTTY ? 'pretty' : 'json' });
  try {
    const env = loadEnv(readEnvFile(process.cwd()));
    log = createLogger({ level: env.logLevel, format: env.logFormat ?? (process.stdout.isTTY ? 'pretty' : 'json') });
    surviveStrayErrors(log);
    const starting = start(env, readVersion(), log);
    stopOnSignals(starting, env.shutdownTimeoutMs + STOP_GRACE_MS, log);
    await starting;
  } catch (error) {
    if (isAppError(error)) process.stderr.write(`longshore cannot start: ${error.message}\n`);
    else log.error(`longshore cannot start: ${messageOf(error)}`, { error });
    process.exit(1);
  }
}

async function start(env: Env, version: string, log: Logger): Promise<Running> {
  const startedAtMs = performance.now();
  const jobs = await loadJobs(env.jobsDir, true);
  const program = await assemble({ env, jobs, version, log });
  const state: Started = { worker: undefined, http: undefined, isStopping: false };
  const stop = async () => {
    state.isStopping = true;
    await Promise.all([state.http?.stop(HTTP_GRACE_MS), state.worker?.stop()]);
    await program.stop();
  };
  try {
    await program.open();
    if (env.mode !== 'api') state.worker = await startWorker(env, program, version);
    state.http = await startHttp(env, program, version, () => checkHealth(env, program, state, version), log);
    await program.start();
  } catch (error) {
    await stop();
    throw error;
  }
  setFlagsFromString('--semi-space-growth-factor=2'); // V8's default: from here on the room grows with the work
  tellReady(env, program, version, state.http.port, Math.round(performance.now() - startedAtMs), log);
  return { stop };
}

interface Started {
  worker: WorkerService | undefined;
  http: HttpServer | undefined;
  isStopping: boolean;
}

function tellReady(env: Env, { engine }: Program, version: string, port: number, readyInMs: number, log: Logger): void {
  log.info(`longshore ${version} is ready`, {
    mode: env.mode,
    url: `http://${env.host.includes(':') ? `[${env.host}]` : env.host}:${port}`,
    database: env.databaseUrl === undefined ? 'embedded PostgreSQL' : 'PostgreSQL',
    transport: env.redisUrl === undefined ? 'postgres' : 'bullmq',
    types: engine.registry.definitions.size,
    readyInMs,
  });
  if (env.mode !== 'worker' && env.adminKey === undefined) {
    log.warn('no ADMIN_KEY is set: everybody on this machine may use the API, which is bound to loopback only');
  }
}

async function startWorker(env: Env, program: Program, version: string): Promise<WorkerService> {
  const { WorkerService } = await import('./worker/worker-service.ts');
  const { engine, services, isolation } = program;
  const worker = new WorkerService({
    engine,
    services,
    isolation,
    queues: chooseQueues(env.queues, engine.registry),
    concurrencyOf: (queue) =>
      findConcurrencyOverride(env, queue) ?? engine.registry.queues.get(queue)?.concurrency ?? env.queueConcurrency,
    leaseMs: env.lockDurationMs,
    heartbeatMs: heartbeatMsOf(env),
    shutdownTimeoutMs: env.shutdownTimeoutMs,
    version,
  });
  await worker.start();
  return worker;
}

async function startHttp(
  env: Env,
  program: Program,
  version: string,
  check: () => Promise<HealthResource>,
  log: Logger,
): Promise<HttpServer> {
  const { startHttpServer } = await import('./api/server.ts');
  const { adminKey, maxBodyBytes } = env;
  const { idempotency } = program.engine.store;
  const loadApp = async (stopping: AbortSignal): Promise<RequestListener> => {
    const [{ createApp }, { createDoor }, { apiRoutes, bullBoardPage, docsPage, healthRoutes }] = await Promise.all([
      import('./api/app.ts'),
      import('./api/door.ts'),
      import('./api/routes.ts'),
    ]);
    const { engine } = program;
    const [routes, pages] = env.mode === 'worker' ? [[], []] : [apiRoutes(engine), [docsPage, bullBoardPage(engine)]];
    return createApp({
      routes: [...routes, ...healthRoutes(check)],
      pages,
      idempotency,
      door: createDoor(adminKey, engine),
      maxBodyBytes,
      version,
      stopping,
      log,
    });
  };
  return startHttpServer(env.mode === 'worker' ? loadLater(loadApp) : loadApp, env.host, env.port);
}

/** A worker is only ever asked how it fares: what answers is loaded with the first question. */
function loadLater(loadApp: LoadApp): LoadApp {
  return async (stopping) => {
    let app: Promise<RequestListener> | undefined;
    return async (request: IncomingMessage, response: ServerResponse) => {
      app ??= loadApp(stopping);
      (await app)(request, response);
    };
  };
}

async function checkHealth(
  env: Env,
  program: Program,
  { worker, isStopping }: Started,
  version: string,
): Promise<HealthResource> {
  const answers = await Promise.all(
    program.engine.transports.all.map((transport) =>
      transport.ping().then(
        () => 'ok',
        () => 'down',
      ),
    ),
  );
  const [postgres = 'down', redis = 'not used'] = answers;
  const isWell = !answers.includes('down');
  return {
    status: isStopping ? 'stopping' : isWell ? 'ok' : 'degraded',
    mode: env.mode,
    uptime: Math.round(process.uptime() * 10) / 10,
    version,
    connections: { postgres, redis },
    ...(worker ? { worker: worker.getHealth() } : {}),
  };
}

function readVersion(): string {
  return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version;
}
