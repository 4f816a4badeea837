import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { runSql } from '../support/postgres.ts';
import { type Cluster, LOCK_DURATION_MS } from './cluster.ts';
import type { Random } from './random.ts';

const CLOCK = fileURLToPath(new URL('../support/shifted-clock.ts', import.meta.url));

/** Something that goes wrong for a while, and is over when `inject` resolves. */
export interface Fault {
  name: string;
  /** Faults of one lane follow each other; those of two lanes happen at the same time. */
  lane: 'processes' | 'servers';
  /** Whether it can happen only where there is a Redis. */
  needsRedis?: true;
  inject(cluster: Cluster, random: Random): Promise<void>;
}

export const faults: readonly Fault[] = [
  {
    name: 'worker killed',
    lane: 'processes',
    inject: ({ workers }, random) => random.pick(workers).replace('SIGKILL'),
  },
  {
    name: 'worker terminated',
    lane: 'processes',
    inject: ({ workers }, random) => random.pick(workers).replace('SIGTERM'),
  },
  {
    name: 'worker blocked longer than its lock',
    lane: 'processes',
    async inject({ workers }, random) {
      const { program } = random.pick(workers);
      program.signal('SIGSTOP');
      await sleep(LOCK_DURATION_MS + random.between(500, 3000));
      program.signal('SIGCONT');
    },
  },
  {
    name: 'worker with its clock a minute off',
    lane: 'processes',
    inject: ({ workers }, random) =>
      random.pick(workers).replace('SIGTERM', {
        NODE_OPTIONS: `--import=${CLOCK}`,
        CLOCK_SHIFT_MS: String(random.pick([-60_000, 60_000])),
      }),
  },
  { name: 'API killed', lane: 'processes', inject: ({ apis }, random) => random.pick(apis).replace('SIGKILL') },
  {
    name: 'leader killed',
    lane: 'processes',
    async inject({ slots, postgres }) {
      const text = `select holder from longshore.leases where name = 'maintenance'`;
      const [lease] = await runSql<{ holder: string }>(postgres.url, text).catch(() => []); // PostgreSQL may be away
      await slots.find(({ program }) => lease?.holder.includes(`-${program.pid}-`))?.replace('SIGKILL');
    },
  },
  {
    name: "API killed before BullMQ's add",
    lane: 'processes',
    needsRedis: true,
    inject: ({ apis }, random) => cutAndKill(random.pick(apis), random),
  },
  {
    name: "worker killed before BullMQ's acknowledgement",
    lane: 'processes',
    needsRedis: true,
    inject: ({ workers }, random) => cutAndKill(random.pick(workers), random),
  },
  {
    name: 'connections cut',
    lane: 'servers',
    async inject({ slots }, random) {
      for (const slot of slots) random.pick([slot.database, slot.redis ?? slot.database]).cut();
    },
  },
  {
    name: 'network to PostgreSQL stalled',
    lane: 'servers',
    async inject({ slots }, random) {
      const { database } = random.pick(slots);
      database.stall();
      await sleep(random.between(500, 5000));
      await database.pass();
    },
  },
  {
    name: 'PostgreSQL restarted (fast)',
    lane: 'servers',
    inject: (cluster, random) => restart(cluster, random, 'fast'),
  },
  {
    name: 'PostgreSQL restarted (immediate)',
    lane: 'servers',
    inject: (cluster, random) => restart(cluster, random, 'immediate'),
  },
  {
    name: 'network to Redis stalled',
    lane: 'servers',
    needsRedis: true,
    async inject({ slots }, random) {
      const { redis } = random.pick(slots);
      redis?.stall();
      await sleep(random.between(500, 5000));
      await redis?.pass();
    },
  },
  {
    name: 'Redis unreachable',
    lane: 'servers',
    needsRedis: true,
    async inject({ slots }, random) {
      await Promise.all(slots.map(({ redis }) => redis?.refuse()));
      await sleep(random.between(500, 6000));
      await Promise.all(slots.map(({ redis }) => redis?.pass()));
    },
  },
  {
    name: 'Redis emptied',
    lane: 'servers',
    needsRedis: true,
    async inject({ producer }) {
      await producer?.connection.flushall();
    },
  },
  {
    name: 'Redis restarted without persistence',
    lane: 'servers',
    needsRedis: true,
    async inject({ redis }, random) {
      await redis?.stop('SIGKILL');
      await sleep(random.between(0, 2000));
      await redis?.restart();
    },
  },
  { name: 'jobs delivered twice', lane: 'servers', needsRedis: true, inject: deliverTwice },
];

/** Cuts a process off from Redis, and kills it when it has committed something that it could not tell Redis. */
async function cutAndKill(slot: Cluster['slots'][number], random: Random): Promise<void> {
  slot.redis?.stall();
  await sleep(random.between(200, 1000));
  await slot.replace('SIGKILL');
  await slot.redis?.pass();
}

async function restart({ postgres }: Cluster, random: Random, mode: 'fast' | 'immediate'): Promise<void> {
  await postgres.stop(mode);
  await sleep(random.between(0, 4000));
  await postgres.start();
}

/** Adds deliveries to BullMQ that are not the newest of their jobs. */
async function deliverTwice({ producer, postgres }: Cluster, random: Random): Promise<void> {
  const rows = await runSql<{ id: string; delivery: number; type: string; input: unknown }>(
    postgres.url,
    `select id, delivery, type, input from longshore.jobs order by created_at desc limit 20`,
  );
  for (const { id, delivery, type, input } of rows) {
    const jobId = random.pick([`${id}.${delivery + 7}`, delivery === 1 ? id : `${id}.${delivery}`]);
    await producer?.queue.add(type, input, { jobId, longshore: { p: 0 } } as object);
  }
}
