/** A storm of faults over several processes, then an account of every job. `npm run chaos -- --help` */
import { parseArgs } from 'node:util';
import type { TransportName } from '../src/define/queue.ts';
import { formatAccount, isBroken } from '../test/chaos/format-account.ts';
import { runStorm } from '../test/chaos/storm.ts';

const USAGE = `npm run chaos -- [options]

  --minutes <n>      how long faults happen; default 1
  --jobs <n>         jobs in that time; default 600 a minute
  --seed <n>         what happens when, and where; default: another one each time
  --transport <t>    postgres or bullmq; default: both, one after the other

Needs redis-server for bullmq. Exits with 1 when a job was lost or recorded twice.`;

const DRAIN_MS = 120_000;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    jobs: { type: 'string' },
    seed: { type: 'string' },
    transport: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

const minutes = Number(values.minutes);
const jobs = Number(values.jobs ?? Math.round(minutes * 600));
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32));
const transports = values.transport === undefined ? ['postgres', 'bullmq'] : [values.transport];
const isValid =
  minutes > 0 && jobs >= 0 && Number.isInteger(seed) && transports.every((each) => /^(postgres|bullmq)$/.test(each));

if (values.help || !isValid) {
  console.log(USAGE);
  process.exit(values.help ? 0 : 2);
}

for (const transport of transports as TransportName[]) {
  console.log(`\n${transport}: ${jobs} jobs in ${minutes} min; again: --seed ${seed} --transport ${transport}`);
  const durationMs = minutes * 60_000;
  const account = await runStorm({ transport, seed, durationMs, jobs, drainMs: DRAIN_MS, tell: console.log });
  console.log(`\n${transport}, seed ${seed}, ${minutes} min:\n${formatAccount(account)}`);
  if (isBroken(account)) process.exitCode = 1;
}
