import { describe, expect, it } from 'vitest';
import { findFfmpeg, searchFfmpeg, testFfmpeg } from './find-ffmpeg.ts';

/** A machine on which only these programs run. */
function search(configured: string | undefined, runs: string[], packaged?: string) {
  const tried: string[] = [];
  const test = async (program: string) => {
    tried.push(program);
    return runs.includes(program) ? undefined : 'does not exist';
  };
  return { tried, result: searchFfmpeg({ configured, test, findPackaged: async () => packaged }) };
}

describe('searchFfmpeg', () => {
  it('takes FFMPEG_PATH, then PATH, then the package', async () => {
    expect(await search('/opt/ffmpeg', ['/opt/ffmpeg', 'ffmpeg']).result).toBe('/opt/ffmpeg');
    expect(await search(undefined, ['ffmpeg', '/pkg/ffmpeg'], '/pkg/ffmpeg').result).toBe('ffmpeg');
    expect(await search(undefined, ['/pkg/ffmpeg'], '/pkg/ffmpeg').result).toBe('/pkg/ffmpeg');
  });

  it('says that FFMPEG_PATH is wrong, and takes no other in its place', async () => {
    const { tried, result } = search('/opt/none', ['ffmpeg']);
    await expect(result).rejects.toMatchObject({
      name: 'NonRetryableError',
      message: expect.stringContaining('FFMPEG_PATH is "/opt/none", which does not exist'),
    });
    expect(tried).toEqual(['/opt/none']);
  });

  it.each([undefined, '/pkg/ffmpeg'])(
    'says how to install it where there is none, or it does not run: %s',
    async (packaged) => {
      const { result } = search(undefined, [], packaged);
      await expect(result).rejects.toMatchObject({
        name: 'NonRetryableError',
        message: expect.stringMatching(
          /apt-get install ffmpeg.*brew install ffmpeg.*@ffmpeg-installer\/ffmpeg.*FFMPEG_PATH/,
        ),
      });
    },
  );
});

it('knows ffmpeg from other programs', async () => {
  expect(await testFfmpeg('/no/such/program')).toBe('does not exist');
  expect(await testFfmpeg(process.execPath)).toBe('does not answer as ffmpeg does');
  expect(await testFfmpeg(import.meta.dirname)).toMatch(/^cannot be run/);
  expect(await testFfmpeg(await findFfmpeg(undefined))).toBeUndefined();
});
