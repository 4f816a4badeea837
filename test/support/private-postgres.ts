import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findBinaries } from '../../src/store/embedded/binaries.ts';
import { createDataOnce, describeCluster, ROLE } from '../../src/store/embedded/cluster.ts';
import { createRunner } from '../../src/store/embedded/run-as.ts';
import { ensureRunning } from '../../src/store/embedded/server.ts';
import { findFreePort } from './free-port.ts';
import { createDataDir, FLAGS } from './postgres.ts';

/** `fast` ends sessions and writes everything to disk; `immediate` ends like a crash, and the next start recovers. */
export type StopMode = 'fast' | 'immediate';

/** A PostgreSQL of a test's own, that it may stop and start. It ends with this process at the latest. */
export interface PrivatePostgres {
  /** Stays the same over restarts. */
  readonly url: string;
  stop(mode?: StopMode): Promise<void>;
  start(): Promise<void>;
  /** Stops it and removes everything. */
  remove(): Promise<void>;
}

export async function startPrivatePostgres(): Promise<PrivatePostgres> {
  const dataDir = await createDataDir();
  try {
    const folder = join(dataDir.path, 'postgres');
    await mkdir(folder, { mode: 0o700 });
    await chmod(folder, 0o700);
    const binaries = await findBinaries();
    const cluster = describeCluster(folder, binaries, await createRunner(folder, binaries));
    const settings = { ...(await createDataOnce(cluster, () => {})), port: await findFreePort() };
    const port = await ensureRunning(cluster, settings, FLAGS);
    return {
      url: `postgres://${ROLE}:${settings.password}@127.0.0.1:${port}/postgres?sslmode=disable`,
      async stop(mode = 'fast') {
        const args = ['stop', '-D', cluster.dataFolder, '-m', mode, '-w', '-t', '30'];
        const { code, output } = await cluster.runner.run(binaries.pg_ctl, args);
        if (code !== 0) throw new Error(`PostgreSQL does not stop: ${output}`);
      },
      async start() {
        const now = await ensureRunning(cluster, { ...settings, port }, FLAGS);
        if (now !== port) throw new Error(`the port ${port} of PostgreSQL was taken meanwhile`);
      },
      remove: dataDir.remove,
    };
  } catch (error) {
    await dataDir.remove();
    throw error;
  }
}
