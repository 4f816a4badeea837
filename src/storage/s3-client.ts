import type * as Library from '@aws-sdk/client-s3';
import { AppError } from '../shared/errors.ts';
import { messageOf } from '../shared/failure.ts';
import type { S3StorageSettings } from './storage-settings.ts';

type Sdk = typeof Library;
type Client = Library.S3Client;

const CONNECT_MS = 10_000;
const SILENCE_MS = 120_000;

/** One bucket. */
export interface S3 {
  readonly sdk: Sdk;
  readonly bucket: string;
  /** The fields that name an object. */
  at(key: string): { Bucket: string; Key: string };
  /** @throws STORAGE_UNAVAILABLE for whatever goes wrong */
  ask<Output>(question: (client: Client) => Promise<Output>): Promise<Output>;
  close(): void;
}

/** Loads the SDK, which takes longer than the start of all the rest. Its own chain finds the credentials. */
export async function openS3(settings: S3StorageSettings): Promise<S3> {
  const { bucket, endpoint, region, forcePathStyle } = settings;
  const sdk = await import('@aws-sdk/client-s3');
  const client = new sdk.S3Client({
    ...(endpoint === undefined ? {} : { endpoint, region: 'us-east-1' }), // which other servers do not ask for
    ...(region === undefined ? {} : { region }),
    forcePathStyle,
    // The SDK would wait for ever for a network that has gone silent.
    requestHandler: { connectionTimeout: CONNECT_MS, socketTimeout: SILENCE_MS },
    // What the protocol has had from its beginning: many servers do not know the SDK's newer checksums.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  return {
    sdk,
    bucket,
    at: (key) => ({ Bucket: bucket, Key: key }),
    ask: (question) => question(client).catch((error: unknown) => Promise.reject(explain(error, bucket))),
    close: () => client.destroy(),
  };
}

/** @returns undefined where there is no such object */
export async function ifFound<Output>(asking: Promise<Output>): Promise<Output | undefined> {
  try {
    return await asking;
  } catch (error) {
    if (isMissing((error as Error).cause)) return undefined;
    throw error;
  }
}

// A bucket that is not there must not look like a file that is not there; to HEAD, S3 says nothing but 404.
function isMissing(error: unknown): boolean {
  const { name } = error as { name?: unknown };
  return name === 'NoSuchKey' || name === 'NotFound';
}

function explain(error: unknown, bucket: string): AppError {
  const { name, $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
  const status = $metadata?.httpStatusCode;
  const answer = status === undefined ? messageOf(error) : `it answered ${status} ${name}: ${messageOf(error)}`;
  return new AppError('STORAGE_UNAVAILABLE', `the bucket ${bucket} cannot be used (STORAGE_URL): ${answer}`, {
    cause: error,
  });
}
