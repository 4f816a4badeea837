import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TransportName } from '../../src/define/queue.ts';
import { endsWithin } from '../../src/shared/time.ts';
import { waitFor } from '../support/wait-for.ts';
import { startWebhookReceiver } from '../support/webhook-receiver.ts';
import { type Account, account, countOpen, readTrail, watchRecord } from './audit.ts';
import { type Cluster, createCluster, LOCK_DURATION_MS, STALLED_INTERVAL_MS } from './cluster.ts';
import { type Fault, faults } from './faults.ts';
import { Load } from './load.ts';
import { Random } from './random.ts';

export interface StormOptions {
  transport: TransportName;
  seed: number;
  durationMs: number;
  jobs: number;
  /** How long everything may take to end after the last fault. */
  drainMs: number;
  tell: (line: string) => void;
}

const STOP_TIMEOUT_MS = 15_000;
/** Faults at the same time may hold a rescue up; above this its log is shown. */
const SLOW_RESCUE_MS = 2 * (LOCK_DURATION_MS + STALLED_INTERVAL_MS);

/**
 * Runs jobs on several processes while everything that can go wrong goes wrong, at times and places that follow from the
 * seed; then lets it all run dry and counts.
 */
export async function runStorm(options: StormOptions): Promise<Account> {
  const { transport, seed, durationMs, jobs, drainMs, tell } = options;
  const random = new Random(seed);
  const cluster = await createCluster(transport);
  const webhooks = await startWebhookReceiver();
  try {
    await launchAll(cluster);
    await watchRecord(cluster.postgres.url);
    const note = join(cluster.installation.folder, 'note');
    const load = new Load(cluster, random.fork(), { note, webhookUrl: `${webhooks.url}/hook` });
    const lanes = (['processes', 'servers'] as const).map((lane) =>
      injectFaults(cluster, lane, random.fork(), options),
    );
    await Promise.all([load.run(jobs, durationMs), ...lanes]);

    tell('the storm is over: everything runs dry');
    const until = performance.now() + drainMs;
    await restoreAll(cluster);
    await load.settle(drainMs);
    await waitFor(async () => (await countOpen(cluster.postgres.url)) === 0, {
      describe: 'every job has ended',
      timeoutMs: Math.max(1000, until - performance.now()),
      intervalMs: 250,
    }).catch((error: unknown) => tell(String(error))); // the account names those that have not
    const kills = cluster.slots.flatMap((slot) => slot.kills);
    const result = await account(cluster.postgres.url, load.calls, kills, note);
    const [worst] = result.rescues;
    if (worst && worst.ms > SLOW_RESCUE_MS) await tellOf(cluster, worst.id, tell);
    for (const id of [...result.lost, ...result.recordedTwice, ...result.wrong].slice(0, 5))
      await tellOf(cluster, id, tell);
    return result;
  } finally {
    await endsWithin(Promise.all(cluster.slots.map((slot) => slot.stop())), STOP_TIMEOUT_MS);
    await webhooks.stop();
    await cluster.remove();
  }
}

/** Starts everybody; the first one applies the migrations. */
async function launchAll({ slots }: Cluster): Promise<void> {
  for (const slot of slots) slot.launch();
  await waitFor(() => slots.every(({ url }) => url), { describe: 'every process is ready', timeoutMs: 60_000 });
}

/** Everything works again, whatever the last fault left behind. */
async function restoreAll({ slots, redis, postgres }: Cluster): Promise<void> {
  await Promise.all([redis?.restart(), postgres.start()]);
  for (const slot of slots) {
    slot.program.signal('SIGCONT');
    await Promise.all([slot.database.pass(), slot.redis?.pass()]);
  }
}

/** The faults of a lane, each as often as any other, in an order and with pauses that follow from the seed. */
async function injectFaults(
  cluster: Cluster,
  lane: Fault['lane'],
  random: Random,
  { transport, durationMs, tell }: StormOptions,
): Promise<void> {
  const possible = faults.filter((fault) => fault.lane === lane && (transport === 'bullmq' || !fault.needsRedis));
  const beganAt = performance.now();
  for (let bag: Fault[] = []; ; ) {
    if (bag.length === 0) bag = random.shuffle(possible);
    await sleep(random.between(300, 2500));
    const elapsedMs = performance.now() - beganAt;
    if (elapsedMs >= durationMs) return;
    const fault = bag.shift();
    tell(`${(elapsedMs / 1000).toFixed(1).padStart(6)} s  ${fault?.name}`);
    await fault?.inject(cluster, random.fork()).catch((error: unknown) => tell(`         it failed: ${String(error)}`));
  }
}

/** What the record, the audit and the programs' logs have of a job. */
async function tellOf({ slots, postgres }: Cluster, id: string, tell: (line: string) => void): Promise<void> {
  const lines = slots.flatMap((slot) => slot.programs.flatMap((program) => program.output.split('\n')));
  const logged = lines.filter((line) => line.includes(id)).sort();
  tell([`job ${id}:`, ...(await readTrail(postgres.url, id)), ...logged].join('\n'));
}
