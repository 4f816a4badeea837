import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { sendAlerts } from '../../src/engine/upkeep/alerts.ts';
import { defineJob } from '../../src/index.ts';
import { type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../support/webhook-receiver.ts';

const fail = defineJob({
  type: 'fail:job',
  input: z.object({ message: z.string() }),
  attempts: 1,
  run: ({ message }) => {
    throw new TypeError(message);
  },
});

describe('alerts of failed jobs', () => {
  const start = useHarnesses('postgres');
  let receiver: WebhookReceiver;
  let url: string;
  beforeEach(async () => {
    receiver = await startWebhookReceiver();
    url = `${receiver.url}/alert`;
  });
  afterEach(() => receiver.stop());

  async function failWith(harness: Harness, message: string, tenant = 'default'): Promise<string> {
    const { id } = await harness.enqueue(fail, { message }, { tenant });
    await harness.ended(id);
    return id;
  }

  const texts = () => receiver.received.map(({ body }) => (JSON.parse(body) as { text: string }).text);
  /** As if a minute had passed since the last message. */
  const passMinute = (harness: Harness) =>
    harness.sql(`update longshore.alerts set sent_at = sent_at - interval '1 minute'`);

  it('tell each kind of failure by themselves, in a body that Slack takes', async () => {
    const harness = await start([fail], { settings: { ALERT_WEBHOOK_URL: url } });
    await harness.startWorker();
    const id = await failWith(harness, 'no <!channel> & "17"\nsecond line', 'acme');
    const [request] = await receiver.waitForRequests('/alert', 1);
    expect(request?.headers['content-type']).toBe('application/json');
    const { fingerprint } = await harness.job(id);
    expect(JSON.parse(request?.body ?? '')).toEqual({
      text: [
        '*A job of type fail:job failed* (attempts_exhausted)',
        '> TypeError: no &lt;!channel&gt; &amp; "17"',
        '> second line',
        `Newest: \`${id}\` of tenant acme`,
        `Run it again: \`longshore jobs retry ${id}\``,
        `Run all of them again: \`longshore dead-letters retry --fingerprint ${fingerprint}\``,
      ].join('\n'),
    });
  });

  it('come at most once a minute for each kind, with the number of failures since the last', async () => {
    const harness = await start([fail]);
    await harness.startWorker();
    await failWith(harness, 'order 1 is gone');
    await failWith(harness, 'order 2 is gone');
    await failWith(harness, 'no money');
    await sendAlerts(harness.engine, url);
    expect(texts().map((text) => text.split('\n').slice(0, 2))).toEqual([
      ['*2 jobs of type fail:job failed* (attempts_exhausted)', '> TypeError: order 2 is gone'],
      ['*A job of type fail:job failed* (attempts_exhausted)', '> TypeError: no money'],
    ]);
    for (let n = 3; n <= 5; n += 1) await failWith(harness, `order ${n} is gone`);
    await sendAlerts(harness.engine, url);
    expect(texts()).toHaveLength(2);
    await passMinute(harness);
    await sendAlerts(harness.engine, url);
    expect(texts().slice(2)).toEqual([expect.stringMatching(/^\*3 jobs of .*\n> TypeError: order 5 is gone\n/)]);
    await passMinute(harness);
    await sendAlerts(harness.engine, url);
    expect(texts()).toHaveLength(3);
  });

  it('are told later when nobody took them, each of them, and the address is not logged', async () => {
    const secret = `${receiver.url}/services/topsecret`;
    receiver.answerWith('/services/topsecret', 500, 500, 500);
    const harness = await start([fail], { settings: { ALERT_WEBHOOK_URL: secret } });
    await harness.startWorker();
    await failWith(harness, 'one thing');
    await failWith(harness, 'another');
    const isTold = async () => (await harness.sql('select 1 from longshore.alerts')).length === 2;
    await waitFor(isTold, { describe: 'both kinds were taken' });
    expect(receiver.received.length).toBe(5);
    const warnings = harness.lines().filter(({ message }) => message.startsWith('sending alerts failed'));
    expect(warnings).toHaveLength(1);
    expect(JSON.stringify(warnings)).toContain('answered 500');
    expect(harness.logLines.join('\n')).not.toContain('topsecret');
  });

  it('do not tell of failures of more than an hour ago, of a retried job, or of jobs that did not fail', async () => {
    const harness = await start([fail]);
    await harness.startWorker();
    const old = await failWith(harness, 'long ago');
    await harness.sql(`update longshore.jobs set finished_at = now() - interval '2 hours' where id = $1`, [old]);
    const retried = await failWith(harness, 'mended');
    await harness.engine.store.overview.setPaused('fail', true);
    await harness.engine.store.retries.retry([{ id: retried }]);
    await sendAlerts(harness.engine, url);
    expect(texts()).toEqual([]);
  });

  it('are refused where the address is private and not allowed', async () => {
    const harness = await start([fail], { settings: { OUTBOUND_ALLOW: 'none' } });
    await harness.startWorker();
    await failWith(harness, 'anything');
    await expect(sendAlerts(harness.engine, url)).rejects.toMatchObject({ code: 'ADDRESS_REFUSED' });
    expect(receiver.received).toEqual([]);
  });
});
