import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import S3rver from '@20minutes/s3rver';

const BUCKET = 'longshore-tests';

export interface S3Server {
  /** For STORAGE_URL, with a prefix. */
  url: string;
  /** What a process needs to use it. */
  credentials: { AWS_ACCESS_KEY_ID: string; AWS_SECRET_ACCESS_KEY: string };
  /** The keys of all objects below the prefix, without it. */
  list(): Promise<string[]>;
  stop(): Promise<void>;
}

/** A server that speaks S3, with a bucket, on 127.0.0.1. @param options.port default: any that is free */
export async function startS3Server(options: { port?: number } = {}): Promise<S3Server> {
  const directory = await mkdtemp(join(tmpdir(), 'longshore-s3-'));
  const server = new S3rver({
    address: '127.0.0.1',
    port: options.port ?? 0,
    silent: true,
    directory,
    vhostBuckets: false,
    allowMismatchedSignatures: true, // it computes those of lists in its own way; unknown keys are refused all the same
    configureBuckets: [{ name: BUCKET }],
  });
  const { port } = (await server.run()) as AddressInfo;
  const endpoint = `http://127.0.0.1:${port}`;
  return {
    url: `s3://${BUCKET}/some/prefix?endpoint=${encodeURIComponent(endpoint)}`,
    credentials: { AWS_ACCESS_KEY_ID: 'S3RVER', AWS_SECRET_ACCESS_KEY: 'S3RVER' },
    async list() {
      const { objects } = await server.store.listObjects(BUCKET, { maxKeys: 1000 });
      return objects.map(({ key }) => key.replace(/^some\/prefix\//, '')).sort();
    },
    async stop() {
      if (!server.httpServer.listening) return;
      const closed = server.close();
      server.httpServer.closeAllConnections();
      await closed;
      await rm(directory, { recursive: true, force: true });
    },
  };
}
