/** What the tests use of it; it has no types of its own. */
declare module '@20minutes/s3rver' {
  import type { Server } from 'node:http';

  class S3rver {
    readonly httpServer: Server;
    readonly store: {
      listObjects(bucket: string, options: { maxKeys?: number }): Promise<{ objects: { key: string }[] }>;
    };
    constructor(options: {
      address: string;
      port: number;
      silent: boolean;
      directory: string;
      vhostBuckets: boolean;
      allowMismatchedSignatures: boolean;
      configureBuckets: { name: string }[];
    });
    run(): Promise<unknown>;
    close(): Promise<void>;
  }

  export = S3rver;
}
