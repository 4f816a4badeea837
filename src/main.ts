import { readFileSync } from 'node:fs';
import type { HttpServer } from './api/server.ts';
import { assemble, chooseQueues, type Program } from './assemble.ts';
import type { HealthResource } from './contract/program.ts';
import { loadJobs } from './define/load-jobs.ts';
import { type Env, findConcurrencyOverride, loadEnv, readEnvFile } from './env.ts';
import { isAppError } from './shared/errors.ts';
import { messageOf } from './shared/failure.ts';
import { pause } from './shared/time.ts';
import { jobScope } from './telemetry/job-scope.ts';
import { createLogger, type Logger } from './telemetry/logger.ts';
import type { WorkerService } from './worker/worker-service.ts';

const HTTP_GRACE_MS = 2000;
const HEARTBEAT_MAX_MS = 5000;
/** How long closing connections may take after the jobs have ended or were put back. */
const STOP_GRACE_MS = 10_000;
/** How long a signal during the start waits for it, so that a database that was just started is stopped too. */
const START_GRACE_MS = 3000;

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

interface Running {
  stop(): Promise<void>;
}

async function start(env: Env, version: string, log: Logger): Promise<Running> {
  const startedAtMs = performance.now();
  const jobs = await loadJobs(env.jobsDir, true);
  const program = await assemble({ env, jobs, version, log });
  await program.start();
  const worker = env.mode === 'api' ? undefined : await startWorker(env, program, version);
  const state = { isStopping: false };
  const check = () => checkHealth({ env, program, worker, version, isStopping: state.isStopping });
  const http = await startHttp(env, program, version, check, log);
  log.info(`longshore ${version} is ready`, {
    mode: env.mode,
    url: `http://${env.host.includes(':') ? `[${env.host}]` : env.host}:${http.port}`,
    database: env.databaseUrl === undefined ? 'embedded PostgreSQL' : 'PostgreSQL',
    transport: env.redisUrl === undefined ? 'postgres' : 'bullmq',
    types: program.engine.registry.definitions.size,
    readyInMs: Math.round(performance.now() - startedAtMs),
  });
  if (env.mode !== 'worker' && env.adminKey === undefined) {
    log.warn('no ADMIN_KEY is set: everybody on this machine may use the API, which is bound to loopback only');
  }
  return {
    async stop() {
      state.isStopping = true;
      await Promise.all([http.stop(HTTP_GRACE_MS), worker?.stop()]);
      await program.stop();
    },
  };
}

async function startWorker(env: Env, program: Program, version: string): Promise<WorkerService> {
  const { WorkerService } = await import('./worker/worker-service.ts');
  const { engine, services } = program;
  const worker = new WorkerService({
    engine,
    services,
    queues: chooseQueues(env.queues, engine.registry),
    concurrencyOf: (queue) =>
      findConcurrencyOverride(env, queue) ?? engine.registry.queues.get(queue)?.concurrency ?? env.queueConcurrency,
    heartbeatMs: Math.min(HEARTBEAT_MAX_MS, Math.round(env.lockDurationMs / 3)),
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
  const [{ createApp }, { apiRoutes, healthRoutes }, { startHttpServer }] = await Promise.all([
    import('./api/app.ts'),
    import('./api/routes.ts'),
    import('./api/server.ts'),
  ]);
  const routes = env.mode === 'worker' ? healthRoutes(check) : [...apiRoutes(program.engine), ...healthRoutes(check)];
  const app = createApp({ routes, adminKey: env.adminKey, maxBodyBytes: env.maxBodyBytes, version, log });
  return startHttpServer(app, env.host, env.port);
}

interface HealthParts {
  env: Env;
  program: Program;
  worker: WorkerService | undefined;
  version: string;
  isStopping: boolean;
}

async function checkHealth({ env, program, worker, version, isStopping }: HealthParts): Promise<HealthResource> {
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

/** The first signal stops in order, also during the start; the second at once. */
function stopOnSignals(starting: Promise<Running>, deadlineMs: number, log: Logger): void {
  let isStopping = false;
  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const) {
    process.on(signal, () => {
      if (isStopping) process.exit(code);
      isStopping = true;
      log.info(`${signal}: stopping; a second signal stops at once`);
      void stopInTime(starting, deadlineMs, log).then((exitCode) => process.exit(exitCode));
    });
  }
}

async function stopInTime(starting: Promise<Running>, deadlineMs: number, log: Logger): Promise<number> {
  const late = pause(deadlineMs).then(() => {
    throw new Error(`stopping took longer than ${deadlineMs} ms; the others repair what was open`);
  });
  try {
    const running = await Promise.race([starting, pause(START_GRACE_MS)]); // a start that waits for Redis is given up
    await Promise.race([running?.stop(), late]);
    return 0;
  } catch (error) {
    log.error('stopping failed', { error });
    return 1;
  }
}

/** What a handler throws after its job has ended must not take the other jobs of the process down. */
function surviveStrayErrors(log: Logger): void {
  process.on('unhandledRejection', (error) => {
    log.error('a promise was rejected and nobody handled it', { ...jobScope.getStore(), error });
  });
  process.on('uncaughtException', (error) => {
    const job = jobScope.getStore();
    if (job) {
      log.error('code of a job threw outside of its handler; the job itself is not affected', { ...job, error });
      return;
    }
    log.error('an error was not caught; the program stops', { error });
    process.exit(1);
  });
}

function readVersion(): string {
  return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version;
}
