import type { StoredFile } from '../../../src/index.ts';
import type { ExampleWorld } from '../example-world.ts';

const LIMIT_MS = 50_000;

/** The jobs of videos work on what jobs before them have made. */
export const videoWorld: ExampleWorld = {
  types: ['video:generate', 'video:script', 'video:image', 'video:clip', 'video:merge'],
  start: async () => ({
    async prepare({ jobs }) {
      const run = async (type: string, input: unknown) => {
        const { id } = await jobs.create(type, input);
        return (await jobs.wait(id, { timeoutMs: LIMIT_MS })).output as Record<'image' | 'clip', StoredFile>;
      };
      const { image } = await run('video:image', { title: 'Tea' });
      const { clip } = await run('video:clip', { image: image.key, durationMs: 1000 });
      return {
        '/v1/files/01980000-0000-7000-8000-000000000001-scene.png': image.url,
        '/v1/files/01980000-0000-7000-8000-000000000002-clip.mp4': clip.url,
      };
    },
    stop: async () => undefined,
  }),
};
