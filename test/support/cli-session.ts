import { expect } from 'vitest';
import type { Child } from './child.ts';
import { type CliEnd, type CliOptions, launchCli, runCli } from './cli-process.ts';

export interface CliError {
  code: string;
  message: string;
  status?: number;
  errors?: { path: string; message: string }[];
  exitCode: number;
}

type Extra = Pick<CliOptions, 'env' | 'stdin'>;

/** The `longshore` command as a script uses it: all that it prints goes into pipes. */
export interface CliSession {
  run(args: readonly string[], extra?: Extra): Promise<CliEnd>;
  launch(args: readonly string[], extra?: Extra): Child;
  /** Adds `--json`, and demands one document on standard output and nothing on standard error. */
  runJson<Document>(...args: string[]): Promise<{ code: number | null; document: Document }>;
  /** Adds `--json`, and demands one error on standard error, with the exit code, and nothing on standard output. */
  failJson(...args: string[]): Promise<CliError>;
}

export function openCliSession({ cwd, env = {} }: { cwd: string; env?: Record<string, string> }): CliSession {
  const run: CliSession['run'] = (args, extra) => runCli(args, { cwd, ...extra, env: { ...env, ...extra?.env } });
  return {
    run,
    launch: (args, extra) => launchCli(args, { cwd, ...extra, env: { ...env, ...extra?.env } }),
    async runJson(...args) {
      const { code, stdout, stderr } = await run([...args, '--json']);
      expect(stderr).toBe('');
      return { code, document: JSON.parse(stdout) };
    },
    async failJson(...args) {
      const { code, stdout, stderr } = await run([...args, '--json']);
      expect(stdout).toBe('');
      const { error } = JSON.parse(stderr) as { error: CliError };
      expect(error.exitCode).toBe(code);
      return error;
    },
  };
}
