import type { EnqueueRequest } from '../contract/enqueue.ts';
import type { JobDefinition } from '../define/job.ts';
import { parseWith } from '../define/registry.ts';
import type { Backoff } from '../shared/backoff.ts';
import { AppError, type FieldError } from '../shared/errors.ts';
import { createId } from '../shared/ids.ts';
import { encodeJson, findUnstorableText } from '../shared/json.ts';
import type { JobRow } from '../store/job-row.ts';
import type { NewJob } from '../store/jobs.ts';
import { type Caller, DEFAULT_TENANT, type Engine } from './engine.ts';

/**
 * Accepts a job: validates it, commits its row, and hands it over behind the answer.
 * @returns the committed row
 * @throws UNKNOWN_TYPE, INVALID_FIELDS with every fault, ADDRESS_REFUSED, STORE_UNAVAILABLE (nothing was stored)
 */
export async function enqueueJob(
  engine: Engine,
  caller: Caller,
  request: EnqueueRequest,
  parentId: string | null = null,
): Promise<JobRow> {
  const definition = findDefinition(engine, request.type);
  await checkRequest(engine, definition, request);
  const job = toNewJob(engine, definition, request, tenantFor(caller, request), parentId);
  const [row] = await engine.store.jobs.insert([job]);
  if (!row) throw new AppError('INTERNAL', `a new job could not be recorded: the id ${job.id} was taken`);
  engine.dispatcher.handOver([row]);
  return row;
}

function findDefinition(engine: Engine, type: string): JobDefinition {
  const definition = engine.registry.definitions.get(type);
  if (definition) return definition;
  const fault = unknownType(engine, type);
  throw new AppError('UNKNOWN_TYPE', `there is no job type "${type}"; ${fault.message}`, { errors: [fault] });
}

function unknownType(engine: Engine, type: string): FieldError {
  const known = [...engine.registry.definitions.keys()].sort().join(', ');
  return { path: 'type', message: `"${type}" is not one of: ${known}` };
}

/** Lists what is wrong with the type and input of a request, also of one whose options are wrong as well. */
export async function findInputFaults(engine: Engine, body: unknown): Promise<FieldError[]> {
  const { type, input } = (body ?? {}) as { type?: unknown; input?: unknown };
  if (typeof type !== 'string' || input === undefined) return []; // the request's own schema tells that
  const definition = engine.registry.definitions.get(type);
  return definition ? checkInput(engine, definition, input) : [unknownType(engine, type)];
}

async function checkInput(engine: Engine, definition: JobDefinition, input: unknown): Promise<FieldError[]> {
  const parsed = await parseWith(definition.inputSchema, input, 'input');
  const faults = [...(parsed.ok ? [] : parsed.faults), ...findUnstorableText(input, 'input')];
  const encoded = encodeJson(input, engine.settings.maxInputBytes);
  return encoded.ok || faults.length > 0 ? faults : [{ path: 'input', message: encoded.fault }];
}

async function checkRequest(engine: Engine, definition: JobDefinition, request: EnqueueRequest): Promise<void> {
  const { input, options } = request;
  const faults: FieldError[] = [
    ...(await checkInput(engine, definition, input)),
    ...findUnstorableText(options.metadata ?? {}, 'options.metadata'),
    ...findUnstorableText(options.tags ?? [], 'options.tags'),
  ];
  if (options.queue !== undefined && !engine.registry.queues.has(options.queue)) {
    const known = [...engine.registry.queues.keys()].sort().join(', ');
    faults.push({ path: 'options.queue', message: `no worker serves "${options.queue}"; queues are: ${known}` });
  }
  if (faults.length > 0) throw new AppError('INVALID_FIELDS', describeFaults(faults), { errors: faults });
  if (options.webhook) await checkWebhookAddress(engine, options.webhook.url);
}

async function checkWebhookAddress(engine: Engine, url: string): Promise<void> {
  try {
    await engine.outbound.checkUrl(url);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError(error.code, error.message, {
      errors: [{ path: 'options.webhook.url', message: error.message }],
      cause: error,
    });
  }
}

function tenantFor(caller: Caller, request: EnqueueRequest): string {
  const wanted = request.options.tenant;
  if (caller.scope === 'all') return wanted ?? DEFAULT_TENANT;
  if (wanted === undefined || wanted === caller.scope.tenant) return caller.scope.tenant;
  const errors = [{ path: 'options.tenant', message: 'is not the tenant of this key' }];
  throw new AppError('INVALID_FIELDS', describeFaults(errors), { errors });
}

function toNewJob(
  engine: Engine,
  definition: JobDefinition,
  request: EnqueueRequest,
  tenant: string,
  parentId: string | null,
): NewJob {
  const { options } = request;
  const queue = options.queue ?? definition.queue.name;
  return {
    id: createId(),
    tenant,
    type: definition.type,
    queue,
    priority: options.priority ?? 0,
    tags: options.tags ?? [],
    metadata: options.metadata ?? {},
    input: request.input,
    maxAttempts: options.attempts ?? definition.attempts,
    backoff: (options.backoff as Backoff | undefined) ?? null,
    timeoutMs: options.timeoutMs ?? definition.timeoutMs,
    webhook: options.webhook ?? null,
    parentId,
    deduplicationKey: null,
    foreignId: null,
    delayMs: options.delayMs ?? null,
    runAt: options.runAt ?? null,
    ttlMs: options.ttlMs ?? null,
    isHandedOver: options.delayMs === undefined && options.runAt === undefined && engine.dispatcher.reserve(queue),
  };
}

export function describeFaults(faults: readonly FieldError[]): string {
  const shown = faults.slice(0, 5).map((fault) => `${fault.path || 'body'}: ${fault.message}`);
  const rest = faults.length > shown.length ? `; and ${faults.length - shown.length} more` : '';
  return shown.join('; ') + rest;
}
