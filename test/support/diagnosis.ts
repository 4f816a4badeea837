import { expect } from 'vitest';
import type { Finding as NamedFinding } from '../../src/engine/doctor/finding.ts';
import type { CliSession } from './cli-session.ts';
import type { Settings } from './program.ts';

type Finding = Omit<NamedFinding, 'check'>;

export interface Diagnosis {
  code: number | null;
  verdict: Finding['verdict'];
  /** By the name of the check. */
  checks: Record<string, Finding>;
}

/** Runs `longshore admin doctor --json`, which must say nothing else. */
export async function diagnose(cli: CliSession, env: Settings = {}): Promise<Diagnosis> {
  const { code, stdout, stderr } = await cli.run(['admin', 'doctor', '--json'], { env });
  expect(stderr).toBe('');
  const { verdict, checks } = JSON.parse(stdout) as { verdict: Finding['verdict']; checks: NamedFinding[] };
  return { code, verdict, checks: Object.fromEntries(checks.map(({ check, ...finding }) => [check, finding])) };
}

/** What a person reads of a check. */
export function lineOf(stdout: string, check: string): string | undefined {
  return stdout.split('\n').find((line) => line.slice(2).startsWith(`${check} `));
}
