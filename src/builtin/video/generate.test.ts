import { expect, it } from 'vitest';
import { type EnqueuedChild, runJob } from '../../testing.ts';
import { videoGenerate } from './generate.ts';

const scenes = [
  { title: 'Tea', narration: 'Tea is a drink.', durationMs: 3000 },
  { title: '', narration: 'Green tea is green.', durationMs: 4000 },
];
const fileOf = (name: string) => ({ key: name, url: `/v1/files/${name}`, bytes: 1 });
const size = { width: 720, height: 1280 };

function answer({ type, input }: EnqueuedChild): unknown {
  if (type === 'video:script') return { title: 'Tea', scenes, writer: 'offline' };
  if (type === 'video:image') return { image: fileOf(`image-${(input as { scene: number }).scene}`), ...size };
  if (type === 'video:clip')
    return { clip: fileOf((input as { image: string }).image.replace('image', 'clip')), ...size };
  const [video, poster, subtitles] = ['tea.mp4', 'poster.png', 'subtitles.srt'].map(fileOf);
  return { video, poster, subtitles, durationMs: 7000, ...size };
}

it('hands each scene from step to step, and ends with the URLs', async () => {
  const input = { text: 'Tea is a drink.', format: 'vertical', maxScenes: 3, audio: 'music.mp3' } as const;
  const { output, enqueued } = await runJob(videoGenerate, input, { children: answer });
  expect(enqueued.map(({ type, input: given }) => [type, given])).toEqual([
    ['video:script', { text: 'Tea is a drink.', maxScenes: 3 }],
    ['video:image', { ...scenes[0], durationMs: undefined, heading: 'Tea', scene: 1, scenes: 2, format: 'vertical' }],
    ['video:image', { ...scenes[1], durationMs: undefined, heading: 'Tea', scene: 2, scenes: 2, format: 'vertical' }],
    ['video:clip', { image: 'image-1', durationMs: 3000, format: 'vertical', zoom: 'in' }],
    ['video:clip', { image: 'image-2', durationMs: 4000, format: 'vertical', zoom: 'out' }],
    [
      'video:merge',
      {
        clips: [
          { clip: 'clip-1', narration: 'Tea is a drink.' },
          { clip: 'clip-2', narration: 'Green tea is green.' },
        ],
        title: 'Tea',
        audio: 'music.mp3',
      },
    ],
  ]);
  expect(output).toMatchObject({ title: 'Tea', scenes: 2, durationMs: 7000, ...size });
  expect(output.video.url).toBe('/v1/files/tea.mp4');
  expect(output.subtitles.url).toBe('/v1/files/subtitles.srt');
});
