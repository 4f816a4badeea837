import type { DiagnoseOptions } from '../engine/doctor/diagnose.ts';
import type { Finding } from '../engine/doctor/finding.ts';
import { type Env, redactUrl } from '../env.ts';
import { prepare, requireDatabase, withDatabase } from './admin-database.ts';
import { type CliContext, printJson } from './context.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { formatCount } from './format.ts';
import { cleanLine, measureWidth, type Terminal } from './terminal.ts';

type Verdict = Finding['verdict'];

const VERDICTS: readonly Verdict[] = ['wrong', 'note', 'ok'];
const SYMBOLS = { ok: '✔', note: '!', wrong: '✖' } as const;
const COLORS = { ok: 'green', note: 'yellow', wrong: 'red' } as const;
const LABEL_WIDTH = 'redis-persistence'.length;
const WIDEST = 120;
/** How long a server that hangs may hold the command after it has told what it found. */
const EXIT_GRACE_MS = 500;

/** `longshore admin doctor`. */
export async function runDoctor(cli: CliContext, isJson: boolean): Promise<void> {
  const { env, log } = await prepare(cli);
  await requireDatabase(env);
  await withDatabase(env, log, async (url) => {
    const [{ openDatabase }, { diagnose }] = await Promise.all([
      import('../store/database.ts'),
      import('../engine/doctor/diagnose.ts'),
    ]);
    const database = openDatabase({ url, poolSize: 2, log });
    const shown = env.databaseUrl ? redactUrl(env.databaseUrl) : `${env.dataDir} (embedded)`;
    const findings = await diagnose({ postgres: { database, shown }, redis: describeRedis(env), log });
    const exitCode = printFindings(cli, findings, isJson);
    cli.setExitCode(exitCode);
    if (env.databaseUrl !== undefined) setTimeout(() => process.exit(exitCode), EXIT_GRACE_MS).unref();
    await database.close();
  });
}

function describeRedis({ redisUrl, queuePrefix }: Env): DiagnoseOptions['redis'] {
  return redisUrl === undefined ? undefined : { url: redisUrl, prefix: queuePrefix, shown: redactUrl(redisUrl) };
}

/** Prints a line for each check, or one document. @returns the exit code */
export function printFindings(cli: CliContext, findings: readonly Finding[], isJson: boolean): ExitCode {
  const worst = VERDICTS.find((verdict) => findings.some((finding) => finding.verdict === verdict)) ?? 'ok';
  const exitCode = worst === 'wrong' ? exitCodes.somethingWrong : exitCodes.done;
  if (isJson) {
    printJson(cli, { verdict: worst, checks: findings });
    return exitCode;
  }
  for (const finding of findings) cli.terminal.print(renderFinding(finding, cli.terminal));
  cli.terminal.print('');
  cli.terminal.print(renderSummary(findings, worst, cli.terminal));
  return exitCode;
}

/** Where nothing wraps, in a pipe, a check is one line; on a terminal what to do begins a line of its own. */
export function renderFinding(finding: Finding, { colors, width }: Pick<Terminal, 'colors' | 'width'>): string {
  const color = colors[COLORS[finding.verdict]];
  const head = `${color(SYMBOLS[finding.verdict])} ${finding.check.padEnd(LABEL_WIDTH)}  `;
  const found = cleanLine(finding.found);
  const advice = finding.advice === null ? '' : cleanLine(finding.advice);
  if (width === Number.POSITIVE_INFINITY) return head + (advice === '' ? found : `${found} → ${advice}`);
  const indent = measureWidth(head);
  const room = Math.max(20, Math.min(width, WIDEST) - indent - 1);
  const steps = advice === '' ? [] : wrapText(advice, room - 2);
  const lines = [...wrapText(found, room), ...steps.map((line, n) => (n === 0 ? '→ ' : '  ') + colors.bold(line))];
  return head + lines.join(`\n${' '.repeat(indent)}`);
}

function renderSummary(findings: readonly Finding[], worst: Verdict, { colors }: Pick<Terminal, 'colors'>): string {
  const count = (verdict: Verdict) => findings.filter((finding) => finding.verdict === verdict).length;
  const [faults, notes] = [count('wrong'), count('note')];
  const told = notes === 0 ? '' : `, ${formatCount(notes, 'note')}`;
  if (worst === 'wrong') return colors.red(`${faults} of ${findings.length} checks found something wrong${told}.`);
  return worst === 'note' ? `Nothing is wrong${told}.` : colors.green('All is well.');
}

/** Breaks between words; a word that is longer than a line stays whole, so that it can be copied. */
function wrapText(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && measureWidth(`${last} ${word}`) <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
