import type { ExampleWorld } from '../example-world.ts';
import { answerJson, startFakeServer } from '../fake-server.ts';

/** A server whose export is ready, and which is up, with the second call. */
export const pollsWorld: ExampleWorld = {
  types: ['http:poll'],
  async start() {
    const server = await startFakeServer();
    let [exports, healths] = [0, 0];
    server.on('GET /exports/17', (_request, response) => {
      exports += 1;
      answerJson(response, { state: exports > 1 ? 'ready' : 'running' });
    });
    server.on('GET /health', (_request, response) => {
      healths += 1;
      answerJson(response, {}, healths > 1 ? 200 : 503);
    });
    return {
      replace: {
        'https://api.example.com/exports': `${server.url}/exports`,
        'https://api.example.com/health': `${server.url}/health`,
      },
      async stop() {
        await server[Symbol.asyncDispose]();
      },
    };
  },
};
