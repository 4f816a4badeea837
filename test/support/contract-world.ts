import type { JobResource } from '../../src/contract/job.ts';
import type { Page } from '../../src/contract/list.ts';
import { type Answer, type Call, Installation, type Program } from './program.ts';
import { startWebhookReceiver, type WebhookReceiver } from './webhook-receiver.ts';

export const KEY = 'a-key-of-the-tests-0123456789';
export const SECRET = `whsec_${Buffer.alloc(24, 'secret').toString('base64')}`;
export const NOBODY = '01980000-0000-7000-8000-000000000001';
export const ISO_UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

type Headers = Record<string, string>;

/** A program with an ADMIN_KEY, somebody who holds that, and an address for webhooks. */
export class ContractWorld {
  readonly installation: Installation;
  readonly program: Program;
  readonly receiver: WebhookReceiver;

  private constructor(installation: Installation, program: Program, receiver: WebhookReceiver) {
    this.installation = installation;
    this.program = program;
    this.receiver = receiver;
  }

  static async start(): Promise<ContractWorld> {
    const receiver = await startWebhookReceiver();
    const installation = await Installation.create({ settings: { ADMIN_KEY: KEY, WEBHOOK_SECRET: SECRET } });
    return new ContractWorld(installation, await installation.start(), receiver);
  }

  async stop(): Promise<void> {
    await this.installation.remove();
    await this.receiver.stop();
  }

  readonly call = <Body = unknown>(path: string, more: Call = {}): Promise<Answer<Body>> =>
    this.program.call(path, { ...more, headers: { authorization: `Bearer ${KEY}`, ...more.headers } });

  readonly post = <Body = unknown>(path: string, json?: unknown, headers: Headers = {}) =>
    this.call<Body>(path, { method: 'POST', headers, ...(json === undefined ? {} : { json }) });

  readonly patch = <Body = unknown>(path: string, json: unknown) => this.call<Body>(path, { method: 'PATCH', json });

  readonly remove = (path: string) => this.call(path, { method: 'DELETE' });

  /** Enqueues a job and holds until it has ended. */
  readonly run = async (type: string, input: unknown, options: object = {}): Promise<JobResource> => {
    const job = { type, input, options };
    const { status, body } = await this.post<JobResource>('/v1/jobs', job, { prefer: 'wait=30' });
    if (status !== 200) throw new Error(`the job has not ended: ${JSON.stringify(body)}`);
    return body;
  };

  /** Enqueues a job that does not start. */
  readonly later = async (options: object = {}): Promise<JobResource> => {
    const job = { type: 'test:echo', input: 1, options: { delayMs: 600_000, ...options } };
    return (await this.post<JobResource>('/v1/jobs', job)).body;
  };

  readonly idsOf = async (path: string): Promise<string[]> =>
    (await this.call<Page<{ id: string }>>(path)).body.items.map(({ id }) => id);
}
