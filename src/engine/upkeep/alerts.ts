import type { UntoldFailures } from '../../store/alerts.ts';
import type { Engine } from '../engine.ts';

const INTERVAL_MS = 2000;
/** Messages of one step: a receiver that takes a second for each must not be overrun. */
const MAX_MESSAGES = 10;
const TIMEOUT_MS = 5000;
const MESSAGE_SHOWN = 500;

/**
 * Tells ALERT_WEBHOOK_URL of jobs that have failed: at most once a minute for each fingerprint, with the number of
 * failures since the last time. What could not be told is told at the next call.
 * @param url a Slack incoming webhook, or whatever takes `{text}`
 * @returns milliseconds until it wants to be called again
 * @throws the first fault, after every message has been tried
 */
export async function sendAlerts(engine: Engine, url: string): Promise<number> {
  const faults: unknown[] = [];
  for (const failures of await engine.store.alerts.findUntold(MAX_MESSAGES)) {
    try {
      await post(engine, url, formatAlert(failures));
      await engine.store.alerts.markTold(failures.fingerprint, failures.until);
    } catch (error) {
      faults.push(error);
    }
  }
  if (faults.length > 0) throw faults[0];
  return INTERVAL_MS;
}

async function post(engine: Engine, url: string, text: string): Promise<void> {
  const response = await engine.outbound.fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ text }),
    redirect: 'manual',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  await response.body?.cancel();
  // Never with the address: it holds the key of the channel.
  if (!response.ok) throw new Error(`ALERT_WEBHOOK_URL answered ${response.status}`);
}

/** The message in Slack's mrkdwn. Pure. */
export function formatAlert(failures: UntoldFailures): string {
  const { count, type, tenant, reason, name, message, jobId, fingerprint } = failures;
  const what = count === 1 ? 'A job' : `${count} jobs`;
  const shown = message.length > MESSAGE_SHOWN ? `${message.slice(0, MESSAGE_SHOWN).toWellFormed()}…` : message;
  return [
    `*${what} of type ${escapeText(type)} failed* (${escapeText(reason)})`,
    quote(`${escapeText(name)}: ${escapeText(shown)}`),
    `Newest: \`${jobId}\`${tenant === 'default' ? '' : ` of tenant ${escapeText(tenant)}`}`,
    `Run it again: \`longshore jobs retry ${jobId}\``,
    `Run all of them again: \`longshore dead-letters retry --fingerprint ${fingerprint}\``,
  ].join('\n');
}

// What a job writes must not mention a whole channel (<!channel>) or pose as a link.
function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function quote(text: string): string {
  return text.replaceAll(/^/gm, '> ');
}
