/** What `longshore init` writes. */
export const HELLO_JOB = `import { defineJob, z } from 'longshore';

/**
 * Every file in this folder that exports a job adds it to the program at its next start.
 * Try this one:  npx longshore enqueue hello --input '{"name":"Ada"}' --wait
 */
export const hello = defineJob({
  // The job's name for ever: records and callers refer to it.
  type: 'hello',
  description: 'Says hello, step by step',

  // Checked when the job is enqueued (a fault is answered with 422) and again before it runs.
  input: z.object({
    name: z.string().min(1).default('world'),
    steps: z.int().min(1).max(100).default(5),
  }),
  output: z.object({ greeting: z.string() }),

  // A failed attempt is repeated after 1 s, then 2 s, and so on.
  attempts: 3,
  timeoutMs: 60_000,

  async run({ name, steps }, ctx) {
    ctx.log.info('greeting begins', { name, attempt: ctx.attempt });
    for (let step = 1; step <= steps; step += 1) {
      // Aborted by a cancel, by the timeout, and when the program stops.
      ctx.signal.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, 300));
      ctx.progress((step / steps) * 100, \`step \${step} of \${steps}\`);
    }
    return { greeting: \`Hello, \${name}!\` };
  },
});
`;

export const ENV_FILE = `# Settings of \`longshore start\`. A variable of the environment goes before a line in this file.

# What this process does: api (serves HTTP), worker (runs jobs), or all (both).
MODE=all

# Where the API listens; with MODE=worker where the health checks do.
PORT=3001

# Callers send this key as "Authorization: Bearer <key>". Without it the API is open to this machine only;
# to listen elsewhere set both. At least 16 characters, e.g. from: openssl rand -hex 24
#ADMIN_KEY=
#HOST=0.0.0.0

# Without it the program starts its own PostgreSQL and keeps its data in .longshore/
#DATABASE_URL=postgres://user:password@localhost:5432/longshore

# With it BullMQ delivers the jobs through Redis; without it PostgreSQL does.
#REDIS_URL=redis://localhost:6379

# Your job files.
#JOBS_DIR=jobs
`;

// "dom" is for fetch, timers and AbortSignal, so that an editor knows them without @types/node.
export const TSCONFIG = `{
  "compilerOptions": {
    "target": "es2024",
    "lib": ["es2024", "dom"],
    "module": "nodenext",
    "strict": true,
    "noEmit": true,
    "allowImportingTsExtensions": true,
    "erasableSyntaxOnly": true,
    "verbatimModuleSyntax": true,
    "skipLibCheck": true
  },
  "include": ["jobs", "*.ts"]
}
`;

/** For a project that is CommonJS: its job files are ES modules all the same. */
export const JOBS_MANIFEST = `{
  "type": "module"
}
`;

export const IGNORED = ['node_modules/', '.longshore/', '.env'];
