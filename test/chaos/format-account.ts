import type { Account, Rescue } from './audit.ts';

/** The account as a table. */
export function formatAccount(account: Account): string {
  const rows: [string, string | number][] = [
    ['calls to enqueue', account.calls],
    ['accepted (202)', account.accepted],
    ['  after repeats with the same key', account.repeated],
    ['refused (503)', account.refused],
    ['without an answer', account.unanswered],
    ['stored, the answer lost', account.storedWithoutAnswer],
    ['completed', account.completed],
    ['failed as designed', account.failedAsDesigned],
    ['failed: lost 3 workers', account.failedWorkerLost],
    ['cancelled', account.cancelled],
    ['LOST (must be 0)', account.lost.length],
    ['RECORDED TWICE (must be 0)', account.recordedTwice.length],
    ['ended otherwise than designed', account.wrong.length],
    ['handler runs beyond one', account.runsBeyondOne],
    ['runs of killed workers', account.rescues.length],
    ['  until they went on: half within', formatMs(account.rescues[Math.floor(account.rescues.length / 2)])],
    ['  the worst, outages included', formatMs(account.rescues[0])],
    ...Object.entries(account.repairs).map(([kind, count]): [string, number] => [`repairs: ${kind}`, count]),
  ];
  return rows.map(([name, value]) => `  ${name.padEnd(38)}${String(value).padStart(10)}`).join('\n');
}

function formatMs(rescue: Rescue | undefined): string {
  return rescue ? `${rescue.ms} ms` : '-';
}

/** Whether a promise was broken. */
export function isBroken({ lost, recordedTwice, wrong }: Account): boolean {
  return lost.length + recordedTwice.length + wrong.length > 0;
}
