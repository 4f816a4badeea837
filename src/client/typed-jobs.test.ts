import { describe, expect, expectTypeOf, it } from 'vitest';
import type * as httpModule from '../builtin/http-request.ts';
import {
  type Client,
  type CompletedJobOf,
  createClient,
  type EnqueueOf,
  type JobOf,
  type JobTypesOf,
} from '../client.ts';
import type { JobResource } from '../contract/job.ts';
import { defineJob, definePipeline, z } from '../index.ts';

const sendInvoice = defineJob({
  type: 'invoice:send',
  input: z.object({ to: z.email(), copies: z.int().default(1) }),
  output: z.object({ messageId: z.string(), sentAt: z.date() }),
  run: () => ({ messageId: 'a', sentAt: new Date() }),
});
const clean = defineJob({ type: 'clean', input: z.null(), run: () => 7 });
const monthly = definePipeline({
  type: 'invoice:monthly',
  input: z.object({ month: z.string() }),
  output: z.int(),
  run: async ({ month }, { step }) => (await step(sendInvoice, { to: month })).messageId.length,
});
const jobs = { sendInvoice, clean, monthly, notAJob: 17, helper: () => 'text' };

type Types = JobTypesOf<typeof jobs>;
type Typed = Client<Types>['jobs'];

// The compiler is the test; `npm run verify` runs it. None of these functions is called.
describe('the types of a client', () => {
  it('keep the type of a definition as it was written', () => {
    expectTypeOf(sendInvoice.type).toEqualTypeOf<'invoice:send'>();
    expectTypeOf(monthly.type).toEqualTypeOf<'invoice:monthly'>();
    expectTypeOf<keyof Types>().toEqualTypeOf<'invoice:send' | 'clean' | 'invoice:monthly'>();
    expect(sendInvoice.type).toBe('invoice:send');
  });

  it('take as input what the caller sends, and give as output what JSON makes of it', () => {
    expectTypeOf<Types['invoice:send']['input']>().toEqualTypeOf<{ to: string; copies?: number | undefined }>();
    expectTypeOf<Types['invoice:send']['output']>().toEqualTypeOf<{ messageId: string; sentAt: string }>();
    expectTypeOf<Types['clean']>().toEqualTypeOf<{ input: null; output: unknown }>();
    expectTypeOf<Types['invoice:monthly']>().toEqualTypeOf<{ input: { month: string }; output: number }>();
  });

  it('allow only known types with their own inputs', () => {
    const call = async (client: Typed) => {
      const job = await client.create('invoice:send', { to: 'a@example.com' }, { priority: 5 });
      expectTypeOf(job.type).toEqualTypeOf<'invoice:send'>();
      // @ts-expect-error no such type
      await client.create('invoice:sent', { to: 'a@example.com' });
      // @ts-expect-error the input of another type
      await client.create('invoice:monthly', { to: 'a@example.com' });
      // @ts-expect-error `to` is missing
      await client.create('invoice:send', { copies: 2 });
      await client.createMany([
        { type: 'clean', input: null },
        { type: 'invoice:send', input: { to: 'a' }, options: { tags: ['x'] } },
      ]);
      // @ts-expect-error the input of another type
      await client.createMany([{ type: 'clean', input: { to: 'a' } }]);
    };
    expectTypeOf(call).toBeFunction();
    expectTypeOf<EnqueueOf<Types>['type']>().toEqualTypeOf<keyof Types>();
  });

  it('know the output of a run, of a wait that throws, and of a job that completed', () => {
    const call = async (client: Typed) => {
      expectTypeOf(await client.run('invoice:monthly', { month: '2030-01' })).toEqualTypeOf<number>();
      const ended = await client.wait<'invoice:send'>('id', { throwOnFailure: true });
      expectTypeOf(ended.output.messageId).toEqualTypeOf<string>();
      const job = await client.get<'invoice:send'>('id');
      if (job.status === 'completed') expectTypeOf(job.output.sentAt).toEqualTypeOf<string>();
      else expectTypeOf(job.output).toEqualTypeOf<unknown>();
      expectTypeOf<CompletedJobOf<Types, 'clean'>['status']>().toEqualTypeOf<'completed'>();
      // @ts-expect-error no such type
      await client.get<'invoice:sent'>('id');
    };
    expectTypeOf(call).toBeFunction();
  });

  it('tell jobs of several types apart, also in lists', () => {
    const call = async (client: Typed) => {
      const job = await client.get('id');
      if (job.type === 'invoice:monthly') expectTypeOf(job.input).toEqualTypeOf<{ month: string }>();
      for await (const each of client.list()) expectTypeOf(each.type).toEqualTypeOf<keyof Types>();
      const page = await client.list({ type: 'invoice:send', status: 'failed' }).page();
      expectTypeOf(page.items[0]?.type).toEqualTypeOf<'invoice:send' | undefined>();
      // @ts-expect-error no such type
      client.list({ type: 'invoice:sent' });
    };
    expectTypeOf(call).toBeFunction();
  });

  it('come from modules too', () => {
    expectTypeOf<keyof JobTypesOf<typeof httpModule>>().toEqualTypeOf<'http:request'>();
  });

  it('allow everything where the client knows of no definitions', () => {
    const { jobs: untyped } = createClient({ url: 'http://127.0.0.1:1' });
    const call = async () => {
      expectTypeOf(await untyped.create('any:type', { any: 'input' })).toEqualTypeOf<JobResource>();
      expectTypeOf(await untyped.run('any:type', 1)).toEqualTypeOf<unknown>();
      await untyped.createMany([{ type: 'any:type', input: 1 }]);
    };
    expectTypeOf(call).toBeFunction();
    expectTypeOf<JobOf<JobTypesOf<unknown>>>().toEqualTypeOf<JobResource>();
    expectTypeOf<keyof JobTypesOf<{ nothing: 1 }>>().toEqualTypeOf<never>();
  });
});
