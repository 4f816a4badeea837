import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Page } from '../../src/contract/list.ts';
import { Contract, type OpenApi, type Operation } from '../support/openapi.ts';
import { type Answer, Installation } from '../support/program.ts';
import { violate, violateQuery } from '../support/violations.ts';
import { createWorld, type Sample, samples, type World } from './openapi-samples.ts';

const KEY = 'a-key-of-the-tests-0123456789';
const MAX_BODY_BYTES = 20_000;
const NOBODY = '01980000-0000-7000-8000-000000000001';

/** What every operation must do, whatever it is for: sends what the document allows and what it forbids. */
describe('every operation of the document', () => {
  let installation: Installation;
  let world: World;
  let contract: Contract;

  beforeAll(async () => {
    installation = await Installation.create({
      settings: { ADMIN_KEY: KEY, MAX_BODY_BYTES: String(MAX_BODY_BYTES) },
    });
    const program = await installation.start();
    world = await createWorld(program, KEY);
    contract = new Contract((await program.call<OpenApi>('/v1/openapi.json')).body);
  });
  afterAll(() => installation?.remove());

  const each = async (check: (operation: Operation, sample: Sample) => Promise<void>, wanted = isAny) => {
    for (const operation of contract.operations.filter(wanted)) {
      const [sample] = (await samples[operation.operationId]?.(world)) ?? [];
      if (!sample) throw new Error(`${operation.operationId} has no sample`);
      await check(operation, sample);
    }
  };

  /** Sends a call, which must be answered with one of these statuses, and as the document says. */
  const demand = async (
    operation: Operation,
    sample: Sample,
    { statuses, why, isAnonymous }: { statuses: number[]; why: string; isAnonymous?: true },
  ): Promise<Answer<unknown>> => {
    const { program, send } = world;
    const call = isAnonymous ? program.call.bind(program) : send;
    const { json, text, headers } = sample;
    const body = { ...(json === undefined ? {} : { json }), ...(text === undefined ? {} : { text }) };
    const request = { method: operation.method.toUpperCase(), ...body, ...(headers === undefined ? {} : { headers }) };
    const answer = await call<unknown>(toUrl(operation, sample), request);
    const told = `${operation.name}, ${why}: ${JSON.stringify(answer.body)?.slice(0, 300)}`;
    expect(statuses, told).toContain(answer.status);
    expect(contract.findFaults(operation, answer), told).toEqual([]);
    return answer;
  };

  it('has a sample here, and each sample is of an operation', () => {
    expect(Object.keys(samples).sort()).toEqual(contract.operations.map(({ operationId }) => operationId).sort());
  });

  it('answers each of its samples with the status, the headers and the body of the document', async () => {
    for (const operation of contract.operations) {
      for (const sample of (await samples[operation.operationId]?.(world)) ?? []) {
        await demand(operation, sample, { statuses: [sample.status], why: 'a sample' });
      }
    }
  });

  it('asks for a key, unless the document says that it needs none', async () => {
    await each(async (operation, sample) => {
      const { headers: _, ...anonymous } = sample;
      const statuses = operation.security?.length === 0 ? [sample.status] : [401];
      await demand(operation, anonymous, { statuses, why: 'no key', isAnonymous: true });
      const other = { ...anonymous, headers: { authorization: `Bearer ${KEY}x` } };
      await demand(operation, other, { statuses, why: 'another key', isAnonymous: true });
    });
  });

  it('answers 404 to what does not exist, and 400 to a path that is none', async () => {
    await each(async (operation, sample) => {
      for (const name of Object.keys(sample.path ?? {})) {
        const isOther = (value: string) => ({ ...sample, headers: {}, path: { ...sample.path, [name]: value } });
        const isTenant = operation.path === '/v1/tenants/{name}'; // there is one as soon as somebody names it
        const statuses = isTenant || operation.path.endsWith('/events/{name}') ? [404, 422] : [404];
        for (const value of [...(isTenant ? [] : [NOBODY, 'nothing']), '%00', '0'.repeat(300)]) {
          await demand(operation, isOther(value), { statuses, why: `${name} = ${value}` });
        }
        await demand(operation, isOther('%E0%A4%A'), { statuses: [400], why: `${name} is no percent-encoding` });
      }
    });
  });

  it('refuses what a parameter of the query forbids, one that is missing, and one that is unknown', async () => {
    await each(async (operation, sample) => {
      const refused = { statuses: [422] };
      const { text: _, ...short } = sample; // what is not to be kept need not be sent
      const queried = operation.parameters.filter((parameter) => parameter.in === 'query' && !parameter.explode);
      for (const parameter of queried) {
        for (const { why, value } of violateQuery(parameter)) {
          const query = { ...sample.query, [parameter.name]: String(value) };
          await demand(operation, { ...short, query }, { ...refused, why: `${parameter.name}: ${why}` });
        }
        if (!parameter.required) continue;
        const { [parameter.name]: _missing, ...query } = sample.query ?? {};
        await demand(operation, { ...short, query }, { ...refused, why: `${parameter.name} is missing` });
      }
      if (operation.security?.length === 0) return; // probes may append what they like
      const query = { ...sample.query, nonsense: '1' };
      await demand(operation, { ...short, query }, { ...refused, why: 'an unknown parameter' });
    });
  });

  it('pages lists by cursors that no other list takes, and no other query', async () => {
    const jobs = await world.send<Page<unknown>>('/v1/jobs?limit=1');
    let count = 0;
    await each(async (operation, { query, ...sample }) => {
      const { limit: _, ...filter } = query ?? {};
      const first = await demand(
        operation,
        { ...sample, query: { ...filter, limit: '1' } },
        { statuses: [200], why: 'a page' },
      );
      const cursors = [jobs.body.nextCursor, (first.body as Page<unknown>).nextCursor];
      const isJobs = operation.operationId === 'getJobs';
      if (cursors[1] !== null) {
        const rest = { ...sample, query: { ...filter, limit: '1', cursor: cursors[1] ?? '' } };
        const second = await demand(operation, rest, { statuses: [200], why: 'the next page' });
        expect((second.body as Page<unknown>).items, operation.name).not.toEqual((first.body as Page<unknown>).items);
        count += 1;
      }
      const foreign = isJobs ? (await world.send<Page<unknown>>('/v1/types?limit=1')).body.nextCursor : cursors[0];
      for (const cursor of [foreign ?? '', NOBODY, '0', '0.0', 'a']) {
        const other = { ...sample, query: { ...filter, cursor } };
        await demand(operation, other, { statuses: [422], why: `the cursor ${cursor}` });
      }
    }, isPaged);
    expect(count).toBeGreaterThan(8);
  });

  it('refuses what the schema of its body forbids', async () => {
    let count = 0;
    await each(async (operation, sample) => {
      const schema = operation.requestBody?.content['application/json']?.schema;
      if (!schema) return;
      for (const { why, value } of violate(schema, sample.json, contract)) {
        await demand(operation, { ...sample, json: value }, { statuses: [422], why });
        count += 1;
      }
    });
    expect(count).toBeGreaterThan(100);
  });

  it('refuses a body that is not JSON, of another type, or too large', async () => {
    await each(async (operation, { json: _, ...sample }) => {
      const isJson = { 'content-type': 'application/json' };
      const send = (text: string, headers: Record<string, string>, status: number) =>
        demand(operation, { ...sample, text, headers }, { statuses: [status], why: text.slice(0, 20) });
      await send('{"a":', isJson, 400);
      await send('{}', { 'content-type': 'text/plain' }, 415);
      await send('{}', { ...isJson, 'content-encoding': 'nonsense' }, 415);
      await send(JSON.stringify('x'.repeat(MAX_BODY_BYTES * 17)), isJson, 413);
    }, takesJson);
  });

  it('answers the same call with an Idempotency-Key once, and refuses a key that is none or was used for another', async () => {
    await each(async (operation, sample) => {
      const withKey = (key: string) => ({ ...sample, headers: { ...sample.headers, 'idempotency-key': key } });
      await demand(operation, withKey('two words'), { statuses: [422], why: 'a key with a space' });
      if (sample.status >= 300) return;
      const key = `key-of-${operation.operationId}`;
      const first = await demand(operation, withKey(key), { statuses: [sample.status], why: 'a first call' });
      const again = await demand(operation, withKey(key), { statuses: [sample.status], why: 'the same call again' });
      expect(again.headers.get('idempotent-replayed'), operation.name).toBe('true');
      expect(first.body, operation.name).toMatchObject(again.body as object); // a secret is told once
      if (sample.json === undefined && sample.text === undefined) return; // there is nothing to say otherwise
      const other = {
        ...withKey(key),
        ...(sample.json === undefined ? { query: { name: 'other' } } : { json: otherBody(sample) }),
      };
      await demand(operation, other, { statuses: [422], why: 'another request' });
    }, isIdempotent);
  });
});

const isPaged = ({ parameters }: Operation): boolean => parameters.some(({ name }) => name === 'cursor');
const isAny = (_operation: Operation): boolean => true;
const takesJson = ({ method, requestBody }: Operation): boolean =>
  (method === 'post' || method === 'patch') && requestBody?.content['*/*'] === undefined;
const isIdempotent = ({ parameters }: Operation): boolean => parameters.some(({ name }) => name === 'Idempotency-Key');

function toUrl({ path }: Operation, sample: Sample): string {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_match, name: string) => sample.path?.[name] ?? '');
  return sample.query ? `${filled}?${new URLSearchParams(sample.query)}` : filled;
}

/** Another body that is as good. */
function otherBody({ json }: Sample): unknown {
  const body = json as Record<string, unknown>;
  if ('jobs' in body) return { jobs: [{ type: 'test:echo', input: 'other' }] };
  if ('dryRun' in body) return { ...body, filter: { type: 'other' } };
  return 'input' in body ? { ...body, input: 'other' } : { ...body, description: 'other' };
}
