import { DEFAULT_ATTEMPTS, DEFAULT_TIMEOUT_MS } from '../define/job.ts';
import type { ForeignJob } from '../queue/transport.ts';
import { messageOf } from '../shared/failure.ts';
import { deriveId } from '../shared/ids.ts';
import { encodeJson, findUnstorableText, toStorableText } from '../shared/json.ts';
import type { NewJob } from '../store/jobs.ts';
import { DEFAULT_TENANT, type Engine } from './engine.ts';

export interface Adopted {
  id: string;
  /** Why the data could not be recorded as it came, if so; the job must fail then. */
  fault: string | undefined;
}

/**
 * Records a job that another BullMQ producer added to a queue. The id follows from the delivery, so the same delivery is
 * recorded once however often it arrives.
 */
export async function adoptJob(
  engine: Engine,
  queue: string,
  deliveryId: string,
  foreign: ForeignJob,
): Promise<Adopted> {
  const id = deriveId(foreign.addedAtMs, `${queue}\n${deliveryId}\n${foreign.addedAtMs}`);
  const definition = engine.registry.definitions.get(foreign.name);
  const readable = toReadable(foreign.data, engine.settings.maxInputBytes);
  const job: NewJob = {
    id,
    tenant: DEFAULT_TENANT,
    type: toStorableText(foreign.name.slice(0, 200)),
    queue,
    priority: foreign.priority,
    tags: [],
    metadata: { bullmqJobId: toStorableText(deliveryId) },
    input: readable.input,
    maxAttempts: foreign.attempts ?? definition?.attempts ?? DEFAULT_ATTEMPTS,
    backoff: null,
    timeoutMs: definition?.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    webhook: null,
    parentId: null,
    stepKey: null,
    stepIndex: null,
    scheduleId: null,
    batchId: null,
    concurrencyKey: null,
    isHeldBack: false,
    deduplicationKey: null,
    foreignId: toStorableText(deliveryId),
    delayMs: null,
    runAt: null,
    ttlMs: null,
    isHandedOver: true,
  };
  const row = await engine.writes.insert(job);
  if (row) engine.log.info('recorded a job that another producer added', { jobId: id, type: row.type, queue });
  return { id, fault: readable.fault };
}

interface ReadableData {
  input: unknown;
  fault: string | undefined;
}

// Whatever comes must be recordable: a delivery that cannot be recorded would come again for ever.
function toReadable(data: unknown, limitBytes: number): ReadableData {
  try {
    return checkData(data === undefined ? null : data, limitBytes);
  } catch (error) {
    return { input: null, fault: `the data cannot be read: ${messageOf(error)}` }; // nested too deeply
  }
}

function checkData(input: unknown, limitBytes: number): ReadableData {
  const unstorable = findUnstorableText(input, '')[0];
  if (unstorable)
    return { input: toStorable(input), fault: `the data ${unstorable.message}; it is shown with U+FFFD instead` };
  const encoded = encodeJson(input, limitBytes);
  return encoded.ok ? { input, fault: undefined } : { input: null, fault: `the data ${encoded.fault}` };
}

function toStorable(value: unknown): unknown {
  if (typeof value === 'string') return toStorableText(value);
  if (Array.isArray(value)) return value.map(toStorable);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [toStorableText(key), toStorable(item)]));
}
