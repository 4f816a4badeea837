import { createHash } from 'node:crypto';
import { AppError, invalidFields, isAppError } from '../shared/errors.ts';
import { contentTypeOf } from '../storage/addresses.ts';
import type { FileAddress } from '../storage/storage.ts';
import type { UploadRow } from '../store/files.ts';
import { inTransaction } from '../store/store.ts';
import { recordAudit } from './audit.ts';
import { chooseTenant } from './check-request.ts';
import type { Caller, Engine } from './engine.ts';
import { requireKey } from './files.ts';

const DAY_MS = 86_400_000;
/** An upload ends with its stream, which fails when the caller leaves. */
const NEVER = new AbortController().signal;

export interface UploadRequest {
  /** A safe name. */
  name: string;
  contentType: string | undefined;
  tenant: string | undefined;
  expiresInMs: number | undefined;
  content: AsyncIterable<Uint8Array>;
  /** Whether another call with its id may be under way: one that was made again because this one took so long. */
  isShared?: boolean;
}

/**
 * Streams a file into the storage, then records it. Nothing stays of an upload that does not come to its end; what a crash
 * leaves between the two, the sweep finds.
 * @param id the same again replaces what an earlier call has kept
 * @throws INVALID_FIELDS, BODY_TOO_LARGE, INVALID_REQUEST when it breaks off, STORAGE_UNAVAILABLE, STORE_UNAVAILABLE
 */
export async function keepUpload(
  engine: Engine,
  caller: Caller,
  request: UploadRequest,
  id: string,
): Promise<UploadRow> {
  const tenant = chooseTenant(caller, request.tenant);
  if (tenant === undefined) throw invalidFields([{ path: 'tenant', message: 'is not the tenant of this key' }]);
  const { name, contentType = contentTypeOf(name) } = request;
  const address = { tenant, id, name };
  const { storage, store, settings } = engine;
  const measured = measure(request.content, settings.maxUploadBytes);
  // It leaves nothing when it fails. A repeated call may be writing the same file by then, which stays alone.
  const bytes = await storage.put(address, measured.content, { contentType, signal: NEVER });
  try {
    const expiresInMs = request.expiresInMs ?? (settings.retentionUploadDays * DAY_MS || null);
    const sha256 = measured.finish();
    return await store.files.keepUpload({ ...address, contentType, bytes, sha256, expiresInMs });
  } catch (error) {
    // The storage itself keeps nothing that is not whole; what lies beside it may be the other call's.
    if (!request.isShared) await discard(engine, address);
    throw error;
  }
}

/**
 * Deletes an upload: the content first, so that a deletion that fails can be repeated.
 * @throws NOT_FOUND, also for a file of a job, which goes with its job
 */
export async function deleteUpload(engine: Engine, caller: Caller, key: string): Promise<void> {
  const { id, name } = requireKey(key);
  const row = await engine.store.files.get(caller.scope, id, name);
  if (!row?.isUpload) {
    throw new AppError('NOT_FOUND', `there is no upload ${key}; a file of a job is removed with its job`);
  }
  await engine.storage.removeAll({ tenant: row.tenant, id });
  await inTransaction(engine.store, async (store) => {
    await store.files.removeUpload(caller.scope, id, name);
    const details = { bytes: row.bytes };
    await recordAudit(store, caller, { action: 'file.delete', target: key, tenant: row.tenant, details });
  });
}

function measure(content: AsyncIterable<Uint8Array>, maxBytes: number) {
  const hash = createHash('sha256');
  async function* pass(): AsyncGenerator<Uint8Array> {
    let bytes = 0;
    for await (const chunk of content) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw tooLarge(maxBytes);
      hash.update(chunk);
      yield chunk;
    }
  }
  return { content: pass(), finish: () => hash.digest('hex') };
}

export function tooLarge(maxBytes: number): AppError {
  return new AppError('BODY_TOO_LARGE', `the file is larger than ${maxBytes} bytes (see MAX_UPLOAD_BYTES)`);
}

// Not what is recorded although that was answered by an error.
async function discard(engine: Engine, { tenant, id, name }: FileAddress): Promise<void> {
  try {
    if (await engine.store.files.get({ tenant }, id, name)) return;
    await engine.storage.removeAll({ tenant, id });
  } catch (error) {
    if (isAppError(error, 'STORE_UNAVAILABLE')) return; // it cannot be known what is recorded: the sweep will
    engine.log.warn('what an upload left could not be removed; it will be tried again', { upload: id, error });
  }
}
