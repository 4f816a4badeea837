import { expect, it } from 'vitest';
import { readClipFacts } from './probe-clip.ts';

const OLD = `Input #0, mov,mp4,m4a,3gp,3g2,mj2, from 'a.mp4':
  Duration: 00:01:05.04, start: 0.000000, bitrate: 442 kb/s
    Stream #0:0(und): Video: h264 (High) (avc1 / 0x31637661), yuv420p, 1280x720, 439 kb/s, 25 fps, 25 tbr, 12800 tbn, 50 tbc (default)
At least one output file must be specified`;
const NEW = `  Duration: 00:01:05.04, start: 0.000000, bitrate: 427 kb/s
  Stream #0:0[0x1](und): Video: h264 (High) (avc1 / 0x31637661), yuv420p(tv, bt709, progressive), 1280x720 [SAR 1:1 DAR 16:9], 423 kb/s, 25 fps, 25 tbr, 12800 tbn (default)`;

it('reads the same facts from what old and new versions print', () => {
  const facts = { durationMs: 65_040, width: 1280, height: 720, encoding: 'h264 yuv420p 1280x720 25 12800' };
  expect(readClipFacts(OLD)).toEqual(facts);
  expect(readClipFacts(NEW)).toEqual(facts);
});

it('tells clips apart that cannot be joined as they are', () => {
  expect(readClipFacts(NEW.replace('25 fps', '29.97 fps'))?.encoding).toContain('29.97');
  expect(readClipFacts(NEW.replace('h264', 'hevc'))?.encoding).toMatch(/^hevc /);
  expect(readClipFacts(NEW.replace('yuv420p(', 'yuv444p('))?.encoding).toContain('yuv444p');
});

it.each([
  'a.mp4: Invalid data found when processing input',
  '  Duration: N/A, bitrate: N/A\n  Stream #0:0: Video: h264, yuv420p, 1280x720, 25 fps',
  '  Duration: 00:00:03.00\n  Stream #0:0: Audio: mp3, 44100 Hz',
])('finds no clip in %j', (text) => expect(readClipFacts(text)).toBeUndefined());
