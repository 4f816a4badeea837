import { z } from 'zod';
import type { ConnectorRun } from '../../define/connector.ts';
import { hideSecrets } from '../../define/secrets.ts';
import { readFailure, toNetworkFailure } from '../http-failure.ts';
import { httpRequestInputSchema } from '../http-request-schema.ts';
import { labelUrl, webUrlSchema } from '../web-url.ts';

/** As long as the job may run: what ends a download early is the silence of the server. */
export const DOWNLOAD_TIMEOUT_MS = 6 * 3_600_000;

const secretSchema = z
  .string()
  .regex(/^[A-Z0-9_]{1,100}$/, 'must be the <NAME> of a setting CONNECTOR_SECRET_<NAME>')
  .meta({ description: 'The `<NAME>` of a setting CONNECTOR_SECRET_<NAME>; the secret itself stands in no job.' });
const headersSchema = httpRequestInputSchema.shape.headers;
const credentials = ['authorization', 'proxy-authorization', 'cookie'];

/** What both connectors take. */
export const sourceShape = {
  url: webUrlSchema,
  headers: headersSchema.superRefine((headers, ctx) => {
    for (const name of Object.keys(headers)) {
      if (!credentials.includes(name.toLowerCase())) continue;
      ctx.addIssue({ code: 'custom', path: [name], message: 'must not be given: name a secret in auth' });
    }
  }),
  auth: z
    .discriminatedUnion('type', [
      z.strictObject({ type: z.literal('bearer'), secret: secretSchema }),
      z.strictObject({
        type: z.literal('basic'),
        user: z
          .string()
          .max(200)
          .regex(/^[^:\p{Cc}]*$/u),
        secret: secretSchema,
      }),
      z.strictObject({
        type: z.literal('header'),
        name: headersSchema.unwrap().keyType,
        secret: secretSchema,
      }),
    ])
    .optional()
    .meta({ description: 'Sent to the origin of the URL alone; redirects are not followed with it.' }),
  timeoutMs: z
    .int()
    .min(1)
    .max(600_000)
    .default(30_000)
    .meta({ description: 'The longest that the server may be silent.' }),
};
export type SourceParameters = z.output<z.ZodObject<typeof sourceShape>>;

/**
 * Calls the source.
 * @throws as `readFailure` says: 429 and 5xx are tried again, after Retry-After
 */
export async function callSource(
  url: string,
  { parameters, fetch, secret }: Pick<ConnectorRun<SourceParameters>, 'parameters' | 'fetch' | 'secret'>,
  signal: AbortSignal,
): Promise<Response> {
  const subject = `GET ${labelUrl(url)}`;
  const headers = { ...parameters.headers, ...authorize(url, parameters.auth, secret) };
  const redirect = parameters.auth === undefined ? 'follow' : 'manual';
  const init = { headers, redirect, signal, timeoutMs: DOWNLOAD_TIMEOUT_MS } as const;
  const response = await fetch(url, init).catch((error: unknown) => {
    signal.throwIfAborted();
    throw toNetworkFailure(subject, error);
  });
  if (response.ok) return response;
  const sent = parameters.auth
    ? [secret(parameters.auth.secret, url), headers.authorization?.replace(/^\w+ /, '') ?? '']
    : [];
  throw hideSecrets(await readFailure(subject, response), sent);
}

function authorize(
  url: string,
  auth: SourceParameters['auth'],
  secret: ConnectorRun<unknown>['secret'],
): Record<string, string> {
  if (auth === undefined) return {};
  const value = secret(auth.secret, url);
  if (auth.type === 'header') return { [auth.name]: value };
  if (auth.type === 'bearer') return { authorization: `Bearer ${value}` };
  return { authorization: `Basic ${Buffer.from(`${auth.user}:${value}`).toString('base64')}` };
}
