import { serveChat, streamWords } from '../chat-server.ts';
import type { ExampleWorld } from '../example-world.ts';
import { createLoopbackSite } from '../loopback-site.ts';

/** A model that answers as it is asked. */
export const webWorld: ExampleWorld = {
  types: ['chat:complete'],
  async start() {
    const site = createLoopbackSite();
    const { listener } = serveChat(({ question }, response) => {
      const isJson = question.response_format !== undefined;
      streamWords(response, isJson ? ['{"topic":', '"delivery"}'] : ['Leaves ', 'and water.'], {
        usage: { prompt_tokens: 20, completion_tokens: 5 },
      });
    });
    return {
      settings: { OPENAI_BASE_URL: `${await site.serve(listener)}/v1` },
      stop: () => site.close(),
    };
  },
};
