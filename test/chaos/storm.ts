import { join } from 'node:path';
import { setTimeout as pace } from 'node:timers/promises';
import type { TransportName } from '../../src/define/queue.ts';
import { waitFor } from '../support/wait-for.ts';
import { startWebhookReceiver } from '../support/webhook-receiver.ts';
import { type Account, account, countOpen, readTrail, watchRecord } from './audit.ts';
import { type Fault, faults } from './faults.ts';
import { createField, type Field, LOCK_DURATION_MS, STALLED_INTERVAL_MS } from './field.ts';
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

/** Faults at the same time may hold a rescue up; above this its log is shown. */
const SLOW_RESCUE_MS = 2 * (LOCK_DURATION_MS + STALLED_INTERVAL_MS);

/**
 * Runs jobs on several processes while everything that can go wrong goes wrong, at times and places that follow from the
 * seed; then lets it all run dry and counts.
 */
export async function runStorm(options: StormOptions): Promise<Account> {
  const { transport, seed, durationMs, jobs, drainMs, tell } = options;
  const random = new Random(seed);
  const field = await createField(transport);
  const webhooks = await startWebhookReceiver();
  try {
    await calm(field);
    await watchRecord(field.postgres.url);
    const note = join(field.installation.folder, 'note');
    const load = new Load(field, random.fork(), { note, webhookUrl: `${webhooks.url}/hook` });
    const lanes = (['processes', 'servers'] as const).map((lane) => strike(field, lane, random.fork(), options));
    await Promise.all([load.run(jobs, durationMs), ...lanes]);

    tell('the storm is over: everything runs dry');
    const until = performance.now() + drainMs;
    await mend(field);
    await load.settle(drainMs);
    await waitFor(async () => (await countOpen(field.postgres.url)) === 0, {
      describe: 'every job has ended',
      timeoutMs: Math.max(1000, until - performance.now()),
      intervalMs: 250,
    }).catch((error: unknown) => tell(String(error))); // the account names those that have not
    const kills = field.slots.flatMap((slot) => slot.kills);
    const result = await account(field.postgres.url, load.calls, kills, note);
    const [worst] = result.rescues;
    if (worst && worst.ms > SLOW_RESCUE_MS) await tellOf(field, worst.id, tell);
    for (const id of [...result.lost, ...result.recordedTwice, ...result.wrong].slice(0, 5))
      await tellOf(field, id, tell);
    return result;
  } finally {
    await Promise.race([Promise.all(field.slots.map((slot) => slot.stop())), pace(15_000, undefined, { ref: false })]);
    await webhooks.stop();
    await field.remove();
  }
}

/** Starts everybody; the first one applies the migrations. */
async function calm({ slots }: Field): Promise<void> {
  for (const slot of slots) slot.launch();
  await waitFor(() => slots.every(({ url }) => url), { describe: 'every process is ready', timeoutMs: 60_000 });
}

/** Everything works again, whatever the last fault left behind. */
async function mend({ slots, redis, postgres }: Field): Promise<void> {
  await Promise.all([redis?.restart(), postgres.start()]);
  for (const slot of slots) {
    slot.program.signal('SIGCONT');
    await Promise.all([slot.database.pass(), slot.redis?.pass()]);
  }
}

/** The faults of a lane, each as often as any other, in an order and with pauses that follow from the seed. */
async function strike(
  field: Field,
  lane: Fault['lane'],
  random: Random,
  { transport, durationMs, tell }: StormOptions,
): Promise<void> {
  const possible = faults.filter((fault) => fault.lane === lane && (transport === 'bullmq' || !fault.needsRedis));
  const beganAt = performance.now();
  for (let bag: Fault[] = []; ; ) {
    if (bag.length === 0) bag = random.shuffle(possible);
    await pace(random.between(300, 2500));
    const elapsedMs = performance.now() - beganAt;
    if (elapsedMs >= durationMs) return;
    const fault = bag.shift();
    tell(`${(elapsedMs / 1000).toFixed(1).padStart(6)} s  ${fault?.name}`);
    await fault?.strike(field, random.fork()).catch((error: unknown) => tell(`         it failed: ${String(error)}`));
  }
}

/** What the record, the audit and the programs' logs have of a job. */
async function tellOf({ slots, postgres }: Field, id: string, tell: (line: string) => void): Promise<void> {
  const lines = slots.flatMap((slot) => slot.programs.flatMap((program) => program.output.split('\n')));
  const logged = lines.filter((line) => line.includes(id)).sort();
  tell([`job ${id}:`, ...(await readTrail(postgres.url, id)), ...logged].join('\n'));
}
