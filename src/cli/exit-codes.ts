/** What the `longshore` command tells its caller; listed in `--help` and docs/reference/cli.md. */
export const exitCodes = {
  done: 0,
  /** The watched job ended as failed, cancelled or expired; a bulk action did not complete; or the demo did not succeed. */
  jobFailed: 1,
  /** Some of the lines of `bulk` were rejected. */
  rejected: 1,
  /** The doctor found something wrong. */
  somethingWrong: 1,
  /** Bad flags or JSON, or a request that the server refused. */
  usage: 2,
  unreachable: 3,
  /** A fault of the command itself. */
  internal: 70,
  /** Ctrl-C, as shells count it. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** The caller's mistake: shown without a stack, exit code 2. */
export class UsageError extends Error {
  override name = 'UsageError';
}

export const EXIT_CODES_HELP = `
Exit codes:
  0    done; with watch and --wait: the job completed
  1    the watched job failed, was cancelled or expired; a bulk action that was waited for
       did not complete; bulk had rejected lines; the demo did not succeed; admin doctor
       found something wrong
  2    wrong usage: bad flags, bad JSON, or a request that the server refused
  3    the server cannot be reached
  70   a fault of this command itself
  130  stopped by Ctrl-C; a watched job goes on`;
