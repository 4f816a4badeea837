import { serveChat, streamWords } from '../chat-server.ts';
import type { ExampleWorld } from '../example-world.ts';
import { createLoopbackSite } from '../loopback-site.ts';
import { serveShop } from '../warm-site.ts';

const SCRIPT = { title: 'Tea', scenes: [{ title: 'Leaves', narration: 'Tea is a drink made from leaves.' }] };

/** A shop behind a cache, and a model that answers as it is asked. */
export const webWorld: ExampleWorld = {
  types: ['cache:warm', 'chat:complete'],
  async start() {
    const site = createLoopbackSite();
    const chat = serveChat(({ question }, response) => {
      if (!question.stream) {
        // The jobs of videos ask it, too, where the program has a model.
        const message = { role: 'assistant', content: JSON.stringify(SCRIPT) };
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ choices: [{ index: 0, message, finish_reason: 'stop' }] }));
        return;
      }
      const isJson = question.response_format !== undefined;
      streamWords(response, isJson ? ['{"topic":', '"delivery"}'] : ['Leaves ', 'and water.'], {
        usage: { prompt_tokens: 20, completion_tokens: 5 },
      });
    });
    let shop = '';
    shop = await site.serve(serveShop(() => shop).listener);
    return {
      settings: { OPENAI_BASE_URL: `${await site.serve(chat.listener)}/v1` },
      replace: { 'https://shop.example.com': shop },
      stop: () => site.close(),
    };
  },
};
