import { expect, it } from 'vitest';
import { createProgressReader, type Progress } from './ffmpeg-progress.ts';

const NEW =
  'frame=12\nfps=0.0\nout_time_us=480000\nout_time_ms=480000\nout_time=00:00:00.480000\nspeed=1x\nprogress=continue\n';
const OLD = 'frame=125\r\nout_time_ms=5000000\r\nprogress=end\r\n';

function read(...pieces: string[]): Progress[] {
  const reports: Progress[] = [];
  const take = createProgressReader((progress) => reports.push(progress));
  for (const piece of pieces) take(piece);
  return reports;
}

it('reads blocks of new and old versions, also cut anywhere', () => {
  const expected = [
    { frame: 12, timeMs: 480 },
    { frame: 125, timeMs: 5000 },
  ];
  expect(read(NEW + OLD)).toEqual(expected);
  expect(read(...(NEW + OLD))).toEqual(expected);
});

it('takes what is not known yet for nothing, and waits for the end of a block', () => {
  expect(read('frame=0\nout_time_us=N/A\nout_time_ms=N/A\nprogress=continue\n')).toEqual([{ frame: 0, timeMs: 0 }]);
  expect(read('frame=0\nout_time_us=-23220\nprogress=continue\n')).toEqual([{ frame: 0, timeMs: 0 }]);
  expect(read('frame=3\nout_time_us=12')).toEqual([]);
});
