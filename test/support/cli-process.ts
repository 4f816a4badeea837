import { Child } from './child.ts';
import { BIN, baseEnvironment } from './program.ts';

export interface CliEnd {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface CliOptions {
  cwd: string;
  env?: Record<string, string>;
  stdin?: string;
}

/** Starts the `longshore` command as a process of its own. */
export function launchCli(args: readonly string[], { cwd, env, stdin }: CliOptions): Child {
  return new Child(process.execPath, [BIN, ...args], {
    cwd,
    env: { ...baseEnvironment(), ...env },
    ...(stdin === undefined ? {} : { stdin }),
  });
}

/** Runs it to its end. */
export async function runCli(args: readonly string[], options: CliOptions): Promise<CliEnd> {
  const child = launchCli(args, options);
  const { code } = await child.ended;
  return { code, stdout: child.stdout, stderr: child.stderr };
}
