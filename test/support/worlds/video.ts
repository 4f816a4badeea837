import type { StoredFile } from '../../../src/index.ts';
import type { ExampleWorld } from '../example-world.ts';

const LIMIT_MS = 50_000;

/** The jobs of videos work on what jobs before them have made. */
export const videoWorld: ExampleWorld = {
  types: ['video:generate', 'video:script', 'video:image', 'video:clip', 'video:merge'],
  start: async () => ({
    async prepare(program) {
      const card = await program.enqueue('video:image', { title: 'Tea' });
      const { image } = (await program.jobEnded(card.id, LIMIT_MS)).output as { image: StoredFile };
      const scene = await program.enqueue('video:clip', { image: image.key, durationMs: 1000 });
      const { clip } = (await program.jobEnded(scene.id, LIMIT_MS)).output as { clip: StoredFile };
      return {
        '/v1/files/01980000-0000-7000-8000-000000000001-scene.png': image.url,
        '/v1/files/01980000-0000-7000-8000-000000000002-clip.mp4': clip.url,
      };
    },
    stop: async () => undefined,
  }),
};
