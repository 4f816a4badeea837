import type { BatchRequest } from '../../contract/batches.ts';
import type { BulkAnswer } from '../../contract/bulk.ts';
import { AppError, type FieldError, invalidFields } from '../../shared/errors.ts';
import { findUnstorableText } from '../../shared/json.ts';
import type { BatchRow, CompletionJob, NewBatch } from '../../store/batches.ts';
import { inTransaction } from '../../store/store.ts';
import { admitJobs, tooManyToday } from '../admission.ts';
import { checkSize, checkWebhookAddress, chooseTenant, ownOrigin, prepareJob } from '../check-request.ts';
import type { Caller, Engine } from '../engine.ts';
import { type BulkPart, checkParts, recordParts } from '../enqueue-bulk.ts';
import { requireBatch } from './inquire.ts';

export interface CreatedBatch {
  batch: BatchRow;
  /** What became of the jobs that came along. */
  jobs: BulkAnswer | undefined;
}

/**
 * Makes a batch. Jobs that come along are checked one by one; they close it, unless more are to come.
 * @param seed its id, from which those of the jobs follow: the same seed again finds what was made before
 * @throws INVALID_FIELDS, UNKNOWN_TYPE, ADDRESS_REFUSED (nothing was stored), also when none of the jobs is accepted;
 * TENANT_LIMIT_REACHED when its tenant may not have the last job
 */
export async function createBatch(
  engine: Engine,
  caller: Caller,
  { seed, request, parts }: { seed: string; request: BatchRequest; parts: readonly BulkPart[] | undefined },
): Promise<CreatedBatch> {
  const tenant = checkBatch(engine, caller, request);
  if (request.webhook) await checkWebhookAddress(engine, request.webhook.url, 'webhook.url');
  const onComplete = request.onComplete ? await prepareCompletion(engine, tenant, request.onComplete) : null;
  const inBatch = parts?.map((part) => joinBatch(part, seed, tenant));
  const checked = inBatch && (await checkParts(engine, caller, seed, inBatch));
  if (checked && !checked.some((part) => part.ok)) {
    throw invalidFields(
      checked.flatMap((part) =>
        part.ok ? [] : part.faults.map(({ path, message }) => ({ path: `jobs.${part.index}.${path}`, message })),
      ),
    );
  }
  const { name = null, metadata, webhook = null } = request;
  await insertBatch(engine, { id: seed, tenant, name, metadata, webhook, onComplete });
  const jobs = checked && (await recordParts(engine, checked));
  if (jobs && !request.keepOpen) await engine.store.batches.close({ tenant }, seed);
  engine.batchWaker.wake();
  return { batch: await requireBatch(engine, { ...caller, scope: { tenant } }, seed), jobs };
}

// The last job counts when it is promised: at the end nobody could be told that it may not be. Else every empty batch would give
// a tenant one job more than its limits allow.
async function insertBatch(engine: Engine, batch: NewBatch): Promise<void> {
  const { id, tenant, onComplete } = batch;
  const { refused, release } = await admitJobs(engine, onComplete ? [{ id, tenant }] : []);
  release(new Set());
  await inTransaction(engine.store, async (store) => {
    if (!(await store.batches.insert(batch)) || !onComplete) return; // the same call made it before
    const refusal = refused.get(id);
    if (refusal) throw refusal;
    if (engine.limits.of(tenant)?.maxPerDay == null) return;
    if (!(await store.tenantDays.charge(tenant))) throw tooManyToday(engine, tenant);
  });
}

function checkBatch(engine: Engine, caller: Caller, { tenant: wanted, name, metadata, keepOpen, jobs }: BatchRequest) {
  const tenant = chooseTenant(caller, wanted);
  const faults: FieldError[] = findUnstorableText({ name, metadata }, '');
  if (faults.length === 0) faults.push(...checkSize(engine, metadata, 'metadata'));
  if (tenant === undefined) faults.push({ path: 'tenant', message: 'is not the tenant of this key' });
  if (keepOpen && jobs === undefined) faults.push({ path: 'keepOpen', message: 'says nothing without jobs' });
  if (tenant === undefined || faults.length > 0) throw invalidFields(faults);
  return tenant;
}

/** A job of the batch's tenant, unless it says otherwise, which is then told. */
function joinBatch(part: BulkPart, batchId: string, tenant: string): BulkPart {
  if (!part.ok) return part;
  const { options } = part.value;
  if (options.batchId !== undefined) {
    return { ok: false, faults: [{ path: 'options.batchId', message: 'must not be given: it is that of this batch' }] };
  }
  if (options.tenant !== undefined && options.tenant !== tenant) {
    return { ok: false, faults: [{ path: 'options.tenant', message: 'is not the tenant of the batch' }] };
  }
  return { ok: true, value: { ...part.value, options: { ...options, batchId, tenant } } };
}

// Checked now, since nobody would hear of a fault later; and kept as it is to be recorded, whatever is deployed meanwhile.
async function prepareCompletion(
  engine: Engine,
  tenant: string,
  request: NonNullable<BatchRequest['onComplete']>,
): Promise<CompletionJob> {
  const { deduplicationKey, batchId, tenant: wanted = tenant } = request.options;
  const faults = Object.entries({ deduplicationKey, batchId })
    .filter(([, value]) => value !== undefined)
    .map(([name]) => ({
      path: `onComplete.options.${name}`,
      message: 'must not be given: it might keep the job away',
    }));
  if (wanted !== tenant) faults.push({ path: 'onComplete.options.tenant', message: 'is not the tenant of the batch' });
  if (faults.length > 0) throw invalidFields(faults);
  try {
    const caller: Caller = { scope: { tenant }, actor: 'batch' };
    const { id: _id, tenant: _tenant, ...job } = await prepareJob(engine, caller, request, ownOrigin(''));
    return job;
  } catch (error) {
    if (!(error instanceof AppError) || !error.errors) throw error;
    const errors = error.errors.map(({ path, message }) => ({ path: `onComplete.${path}`, message }));
    throw new AppError(error.code, error.message, { errors, cause: error });
  }
}
