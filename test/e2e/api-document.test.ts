import { createConfig, lintFromString } from '@redocly/openapi-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Problem } from '../../src/contract/program.ts';
import { Installation, type Program } from '../support/program.ts';

interface Response {
  $ref?: string;
  description: string;
  headers?: Record<string, unknown>;
  content?: Record<string, { schema: object }>;
}
interface Operation {
  operationId: string;
  summary: string;
  tags: string[];
  parameters: { name: string; in: string; description?: string }[];
  requestBody?: { required: boolean; content: Record<string, { schema: object }> };
  security?: unknown[];
  responses: Record<string, Response>;
}
interface OpenApi {
  openapi: string;
  info: { title: string; version: string };
  paths: Record<string, Record<string, Operation>>;
  webhooks: Record<string, object>;
  components: Record<'schemas' | 'responses' | 'headers' | 'pathItems', Record<string, object>>;
}

/** Of the contract, as far as it is built. */
const ENDPOINTS = [
  ...['post /v1/jobs', 'get /v1/jobs', 'get /v1/jobs/{id}', 'post /v1/jobs/{id}/cancel', 'post /v1/jobs/{id}/retry'],
  ...['get /v1/dead-letters', 'post /v1/dead-letters/retry', 'post /v1/dead-letters/discard'],
  ...['get /v1/bulk-actions', 'post /v1/bulk-actions', 'get /v1/bulk-actions/{id}', 'post /v1/bulk-actions/{id}/abort'],
  'post /v1/jobs/bulk',
  ...['get /v1/batches', 'post /v1/batches', 'get /v1/batches/{id}'],
  ...['post /v1/batches/{id}/close', 'post /v1/batches/{id}/cancel'],
  ...['get /v1/jobs/{id}/events', 'get /v1/jobs/{id}/attempts', 'get /v1/jobs/{id}/logs', 'get /v1/jobs/{id}/webhooks'],
  ...['get /v1/jobs/{id}/steps', 'post /v1/jobs/{id}/events/{name}'],
  'get /v1/ai-usage',
  ...['post /v1/webhooks', 'get /v1/webhooks', 'get /v1/webhooks/{id}', 'patch /v1/webhooks/{id}'],
  ...['delete /v1/webhooks/{id}', 'get /v1/webhook-deliveries', 'post /v1/webhook-deliveries/{id}/redeliver'],
  ...['get /v1/workers', 'get /v1/workers/{id}'],
  ...['post /v1/files', 'get /v1/files/{key}', 'delete /v1/files/{key}'],
  ...['get /v1/types', 'get /v1/queues', 'get /v1/queues/{name}'],
  ...['post /v1/queues/{name}/pause', 'post /v1/queues/{name}/resume'],
  ...['get /v1/stats', 'get /health', 'get /health/live', 'get /health/ready'],
];

describe('the API describes itself', () => {
  let installation: Installation;
  let program: Program;
  let document: OpenApi;

  beforeAll(async () => {
    installation = await Installation.create();
    program = await installation.start();
    document = (await program.call<OpenApi>('/v1/openapi.json')).body;
  });
  afterAll(() => installation?.remove());

  const operations = () =>
    Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, path, operation })),
    );

  it('lists every endpoint in OpenAPI 3.1, each with its parameters and its problem', () => {
    expect(document.openapi).toMatch(/^3\.1\.\d$/);
    expect(document.info).toMatchObject({ title: 'Longshore', version: expect.stringMatching(/^\d+\.\d+\.\d+/) });
    expect(operations().map(({ name }) => name)).toEqual(expect.arrayContaining(ENDPOINTS));
    const ids = operations().map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { name, path, operation } of operations()) {
      const inPath = operation.parameters.filter((parameter) => parameter.in === 'path').map((each) => each.name);
      expect(inPath, name).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter));
      expect(operation.responses.default, name).toEqual({ $ref: '#/components/responses/Unexpected' });
      expect(operation.security, name).toEqual(/^get \/(health|v1\/openapi)/.test(name) ? [] : undefined);
    }
  });

  it('names the Idempotency-Key of every endpoint that creates something', () => {
    const creating = operations().filter(({ operation }) =>
      operation.parameters.some((each) => each.name === 'Idempotency-Key'),
    );
    expect(creating.map(({ name }) => name)).toEqual(expect.arrayContaining(['post /v1/jobs', 'post /v1/jobs/bulk']));
    const made = operations().filter(({ operation: { responses } }) =>
      Object.entries(responses).some(([status, answer]) => status === '201' || answer.headers?.Location !== undefined),
    );
    expect(made.length).toBeGreaterThan(8);
    expect(creating.map(({ name }) => name)).toEqual(expect.arrayContaining(made.map(({ name }) => name)));
    for (const { name, operation } of creating) {
      expect(operation.parameters, name).toContainEqual(expect.objectContaining({ name: 'Idempotency-Key' }));
      expect(name).toMatch(/^post /);
    }
  });

  it('has no fault and no warning by the recommended rules of Redocly', async () => {
    const config = await createConfig({ extends: ['recommended'] });
    const problems = await lintFromString({ source: JSON.stringify(document), absoluteRef: '/openapi.json', config });
    expect(problems.map(({ ruleId, message, location }) => ({ ruleId, message, at: location[0]?.pointer }))).toEqual(
      [],
    );
  });

  it('says of each operation what it does, to which group it belongs, and what each parameter means', () => {
    for (const { name, operation } of operations()) {
      expect(operation.summary, name).toMatch(/^\S.{5,}[^.]$/);
      expect(operation.tags, name).toHaveLength(1);
      for (const parameter of operation.parameters) {
        expect(parameter.description, `${name}: ${parameter.name}`).toMatch(/\S{1,}.*/);
      }
    }
  });

  it('describes the webhooks that the program sends', () => {
    const events = ['job.completed', 'job.failed', 'job.cancelled', 'job.expired', 'batch.completed'];
    expect(Object.keys(document.webhooks)).toEqual(events);
  });

  it('shows an upload as a body of any type', () => {
    expect(document.paths['/v1/files']?.post?.requestBody).toEqual({
      required: true,
      content: { '*/*': { schema: { type: 'string', format: 'binary' } } },
    });
  });

  it('has no reference that leads nowhere', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, reference]) => reference);
    expect(references.length).toBeGreaterThan(0);
    const known = Object.entries(document.components).flatMap(([kind, parts]) =>
      Object.keys(parts).map((name) => `#/components/${kind}/${name}`),
    );
    expect(known).toEqual(expect.arrayContaining(references));
    expect(known).toEqual(expect.arrayContaining(['#/components/schemas/Job', '#/components/schemas/Problem']));
  });

  it.each([
    ['get /v1/jobs/{id}', '/v1/jobs/ID'],
    ['get /v1/jobs', '/v1/jobs'],
    ['get /v1/jobs/{id}/attempts', '/v1/jobs/ID/attempts'],
    ['get /v1/jobs/{id}/logs', '/v1/jobs/ID/logs'],
    ['get /v1/dead-letters', '/v1/dead-letters'],
    ['get /v1/dead-letters', '/v1/dead-letters?groupBy=error'],
    ['get /v1/bulk-actions', '/v1/bulk-actions'],
    ['get /v1/types', '/v1/types'],
    ['get /v1/queues', '/v1/queues'],
    ['get /v1/stats', '/v1/stats'],
    ['get /health', '/health'],
  ])('answers %s as the document says', async (name, path) => {
    const { id } = await program.enqueue('test:flaky', { times: 9 }, { attempts: 1 });
    await program.jobEnded(id);
    const { status, body } = await program.call(path.replace('ID', id));
    expect(status).toBe(200);
    const operation = operations().find((each) => each.name === name)?.operation;
    const schema = operation?.responses['200']?.content?.['application/json']?.schema;
    // As a document of its own, with the named parts where JSON Schema has them.
    const text = JSON.stringify({ ...schema, $defs: document.components.schemas });
    const whole = z.fromJSONSchema(JSON.parse(text.replaceAll('#/components/schemas/', '#/$defs/')));
    expect(whole.safeParse(body).error?.issues).toBeUndefined();
  });

  it('answers what does not exist with a problem of the catalogue', async () => {
    const id = '01980000-0000-7000-8000-000000000001';
    const calls: [method: string, path: string][] = [
      ['GET', '/nothing'],
      ['GET', '/'],
      ['DELETE', `/v1/jobs/${id}`],
      ['GET', `/v1/jobs/${id}`],
      ['GET', `/v1/jobs/${id}?wait=5`],
      ['GET', `/v1/jobs/${id}/attempts`],
      ['GET', `/v1/jobs/${id}/logs`],
      ['GET', `/v1/jobs/${id}/webhooks`],
      ['GET', `/v1/jobs/${id}/steps`],
      ['POST', `/v1/jobs/${id}/events/go`],
      ['GET', `/v1/jobs/${id}/events`],
      ['POST', `/v1/jobs/${id}/cancel`],
      ['GET', '/v1/jobs/17'],
      ['GET', '/v1/jobs/%00'],
      ['GET', '/v1/queues/nobody'],
      ['POST', '/v1/queues/nobody/pause'],
      ['GET', '/v1/files/nothing'],
      ['GET', `/v1/files/${id}-nothing.txt`],
    ];
    for (const [method, path] of calls) {
      const { status, headers, body } = await program.call<Problem>(path, { method });
      expect(headers.get('content-type'), path).toMatch(/^application\/problem\+json\b/);
      expect({ path, status, body }).toEqual({
        path,
        status: 404,
        body: {
          type: 'urn:longshore:error:NOT_FOUND',
          title: 'There is no such thing',
          status: 404,
          detail: expect.stringMatching(/^there is no /),
          code: 'NOT_FOUND',
        },
      });
    }
    expect(await program.call('/v1/jobs/%E0%A4%A')).toMatchObject({ status: 400, body: { code: 'INVALID_REQUEST' } });
  });

  it('sends the headers that keep a browser safe', async () => {
    const { headers } = await program.call('/health');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("default-src 'self'");
    expect(headers.get('x-powered-by')).toBeNull();
  });
});
