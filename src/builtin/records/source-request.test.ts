import { expect, it } from 'vitest';
import { callSource, type SourceParameters } from './source-request.ts';

it.each<[NonNullable<SourceParameters['auth']>, string]>([
  [{ type: 'bearer', secret: 'SHOP' }, 'authorization'],
  [{ type: 'basic', user: 'me', secret: 'SHOP' }, 'authorization'],
  [{ type: 'header', name: 'x-api-key', secret: 'SHOP' }, 'x-api-key'],
])('tells no secret that the server repeats: %j', async (auth, name) => {
  const run = {
    parameters: { url: 'https://x.example.com/', headers: {}, auth, timeoutMs: 1000 },
    secret: () => 'top secret',
    async fetch(_url: string | URL, { headers = {} }: { headers?: Record<string, string> } = {}) {
      return new Response(`not allowed: ${headers[name]}`, { status: 403, headers: { 'content-type': 'text/plain' } });
    },
  };
  const calling = callSource('https://x.example.com/', run, new AbortController().signal);
  await expect(calling).rejects.toThrow(/not allowed: (Bearer |Basic )?\*\*\*$/);
});
