import type { CliContext } from './context.ts';
import { UsageError } from './exit-codes.ts';

/** Asks before something that cannot be undone. @throws UsageError where nobody can be asked: there `--yes` must say it */
export async function confirm(cli: CliContext, question: string): Promise<boolean> {
  const answer = await cli.ask(`${question} [y/N] `);
  if (answer === undefined) throw new UsageError('nobody can be asked here: add --yes to do it without asking');
  if (/^y(es)?$/i.test(answer.trim())) return true;
  cli.terminal.note('Nothing was removed.');
  return false;
}
